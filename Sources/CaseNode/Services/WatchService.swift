import CaseModel
import CaseProtocol
import CaseStore
import ClusterPrimitives
import NIOCore
import RPC
import SwiftProtobuf
import Synchronization

/// `casecluster.v1.Cases/Watch`: the shards' feeds as one stream, from a position, resumable.
///
/// A stream is driven by two things: a shard says that its feed grew, and the writer says that it drained.
/// Rights are looked up anew for each batch, so that a revoked token ends its streams.
final class WatchService: ShardListener {
    /// Streams on one node at a time; each holds a position per shard.
    static let streamsMax = 10_000
    /// Feed items read at once from one shard.
    static let batchMax = 256
    /// Seconds between signs of life, which also move the token on.
    static let heartbeatSeconds: Int64 = 15

    private let context: ServiceContext
    private let streams = Mutex<[UInt64: WatchStream]>([:])
    private let counter = Mutex<UInt64>(0)
    private let isStopped = Mutex(false)
    private let elsewhere: RemoteFeeds
    private let onDue: @Sendable (ShardID, Timestamp) -> Void

    init(
        context: ServiceContext,
        onDue: @escaping @Sendable (ShardID, Timestamp) -> Void
    ) {
        self.context = context
        self.onDue = onDue
        elsewhere = RemoteFeeds(context: context)
    }

    func register(in router: inout RPCRouter) {
        router.serverStream("/\(CasesService.name)/Watch") { [self] call in start(call) }
    }

    func shardChanged(_ shard: ShardID) {
        for stream in streams.withLock({ Array($0.values) }) { stream.shardChanged(shard) }
    }

    var isWatching: Bool { count > 0 }

    func dueTimeSet(_ shard: ShardID, _ due: Timestamp) { onDue(shard, due) }

    /// Streams that are open.
    var count: Int { streams.withLock { $0.count } }

    /// The node stops: ends the streams, whose clients go on elsewhere from their last token.
    func stop() {
        isStopped.withLock { $0 = true }
        for stream in streams.withLock({ Array($0.values) }) { stream.stop() }
    }

    private func start(_ call: ServerStreamCall) {
        context.attempt(call.context) { [self] _ throws(WireError) in
            try begin(call)
        } orElse: { error in
            call.writer.finish(RPCStatus(error))
        }
    }

    private func begin(_ call: ServerStreamCall) throws(WireError) {
        let request = try decode(call.message)
        let only = try self.only(request.caseID)
        guard request.resumeToken.isEmpty || !request.fromStart else {
            throw WireError(RequestFault("from_start", "goes with an empty resume_token only"))
        }
        let incarnation = context.system.machine.state.cluster?.incarnation ?? 0
        guard request.resumeToken.isEmpty else {
            let position = try FeedPosition(
                token: request.resumeToken,
                shardCount: context.shards.count
            )
            guard position.incarnation == incarnation else { throw WireError.feedTooOld }
            return follow(call, from: position, only: only)
        }
        let fromStart = request.fromStart
        context.readAll { _, reader in
            let bounds = try reader.feedBounds()
            return fromStart ? bounds.floor : bounds.last
        } _: { [self] result in
            switch result {
            case .success(let positions):
                let position = FeedPosition(incarnation: incarnation, positions: positions)
                follow(call, from: position, only: only)
            case .failure(let error): call.writer.finish(RPCStatus(error))
            }
        }
    }

    private func only(_ text: String) throws(WireError) -> CaseID? {
        guard !text.isEmpty else { return nil }
        do throws(RequestFault) {
            return try CaseID(field: "case_id", text)
        } catch { throw WireError(error) }
    }

    private func decode(_ bytes: [UInt8]) throws(WireError) -> PBWatchRequest {
        do {
            return try PBWatchRequest(serializedBytes: bytes)
        } catch {
            throw WireError(RequestFault("request", "is not a WatchRequest"))
        }
    }

    private func follow(_ call: ServerStreamCall, from position: FeedPosition, only: CaseID?) {
        let id = counter.withLock { counter in
            counter += 1
            return counter
        }
        let stream = WatchStream(context: context, call: call, position: position, only: only)
        let isFull = streams.withLock { streams in
            guard streams.count < Self.streamsMax else { return true }
            streams[id] = stream
            return false
        }
        guard !isFull else {
            let error = WireError(.overloaded(inFlight: Self.streamsMax, limit: Self.streamsMax))
            return call.writer.finish(RPCStatus(error))
        }
        call.context.onCancel { [self] in
            streams.withLock { $0[id] = nil }
            stream.end()
        }
        stream.begin { [self] in streams.withLock { $0[id] = nil } }
        if isStopped.withLock({ $0 }) { stream.stop() }
        elsewhere.look(
            while: { [self] in streams.withLock { !$0.isEmpty } },
            changed: { [self] shard in shardChanged(shard) }
        )
    }
}

extension WireError {
    /// The changes behind a position are no longer kept.
    static let feedTooOld = WireError(
        code: Code.outOfRange,
        kind: "feed-too-old",
        field: "resume_token",
        message: "changes behind this token are no longer kept: list the cases, then watch anew"
    )
}

extension FeedPage {
    /// What can be sent now.
    ///
    /// A position that this replica has not come to was given out by another one: the incarnation is the same, so
    /// the history is, and this replica lags. It will come there, and says so; until then there is nothing to send.
    func deliverable() throws(WireError) -> [FeedItem] {
        switch self {
        case .items(let items): items
        case .ahead: []
        case .tooOld: throw WireError.feedTooOld
        }
    }
}

/// One consumer.
private final class WatchStream: Sendable {
    private struct State {
        var position: FeedPosition
        var dirty: Set<Int>
        /// The shard that is looked at next, so that a busy one does not starve the others.
        var cursor = 0
        var isPumping = false
        /// The writer says when there is room again.
        var isWaiting = false
        var isOver = false
        var onEnd: (@Sendable () -> Void)?

        /// Begins a pump if there is something to do and none runs.
        mutating func mayPump() -> Bool {
            guard !isPumping, !isWaiting, !isOver, !dirty.isEmpty else { return false }
            isPumping = true
            return true
        }

        /// The next shard that has something new.
        mutating func takeDirty() -> Int? {
            guard let shard = dirty.filter({ $0 >= cursor }).min() ?? dirty.min() else {
                return nil
            }
            dirty.remove(shard)
            cursor = shard + 1
            return shard
        }
    }

    private let context: ServiceContext
    private let call: ServerStreamCall
    private let only: CaseID?
    private let state: Mutex<State>

    init(context: ServiceContext, call: ServerStreamCall, position: FeedPosition, only: CaseID?) {
        self.context = context
        self.call = call
        self.only = only
        state = Mutex(
            State(position: position, dirty: Set(context.shards.indices))
        )
    }

    /// Says where the stream begins, catches up, and follows.
    func begin(onEnd: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if !state.isOver { state.onEnd = onEnd }
            return state.isOver
        }
        guard !isOver else { return }
        heartbeat()
        scheduleHeartbeat()
        pump()
    }

    func end() {
        state.withLock { state in
            state.isOver = true
            state.onEnd = nil
        }
    }

    /// What was sent arrives; the token that goes with it is where to go on.
    func stop() { finish(RPCStatus(WireError(.stopping))) }

    func shardChanged(_ shard: ShardID) {
        state.withLock { _ = $0.dirty.insert(Int(shard.rawValue)) }
        pump()
    }

    private func finish(_ status: RPCStatus) {
        retire()
        call.writer.finish(status)
    }

    /// The call is over: nothing is sent any more, and the service forgets the stream.
    private func retire() {
        let onEnd = state.withLock { state in
            defer { state.onEnd = nil }
            state.isOver = true
            return state.onEnd
        }
        onEnd?()
    }

    private func scheduleHeartbeat() {
        call.context.eventLoop.scheduleTask(in: .seconds(WatchService.heartbeatSeconds)) {
            [weak self] in
            guard let self, !self.state.withLock({ $0.isOver }) else { return }
            self.heartbeat()
            self.scheduleHeartbeat()
        }
    }

    /// The position covers what was sent and nothing else, also while the pump is at work.
    private func heartbeat() {
        let token = state.withLock { $0.position.token }
        send(
            PBWatchEvent.with {
                $0.resumeToken = token
                $0.heartbeat = true
            }
        )
    }

    /// One pump runs at a time, on a reader thread; after each page it makes way for other reads.
    private func pump() {
        guard state.withLock({ $0.mayPump() }) else { return }
        submit()
    }

    private func submit() {
        context.readers.submit { [self] jobState in
            guard jobState == .active else { return finish(RPCStatus(WireError(.stopping))) }
            run()
        }
    }

    private func run() {
        guard call.writer.isWritable else { return waitForRoom() }
        let next: (shard: Int, after: FeedPosition)? = state.withLock { state in
            guard !state.isOver, let shard = state.takeDirty() else {
                state.isPumping = false
                return nil
            }
            return (shard, state.position)
        }
        guard let next else { return }
        guard !context.shards[next.shard].readsHere else { return pass(next) }
        // Where others' answers are waited for, and nothing else.
        context.remoteReaders.submit { [self] jobState in
            guard jobState == .active else { return finish(RPCStatus(WireError(.stopping))) }
            pass(next)
        }
    }

    private func pass(_ next: (shard: Int, after: FeedPosition)) {
        do {
            try deliver(shard: next.shard, after: next.after)
            submit()
        } catch let error as WireError {
            finish(RPCStatus(error))
        } catch {
            finish(RPCStatus(WireError.storage))
        }
    }

    private func waitForRoom() {
        state.withLock { state in
            state.isPumping = false
            state.isWaiting = true
        }
        call.writer.onDrained { [weak self] in
            guard let self else { return }
            self.state.withLock { $0.isWaiting = false }
            // Drained and not writable: the call is over.
            guard self.call.writer.isWritable else { return self.retire() }
            self.pump()
        }
    }

    private func deliver(shard: Int, after position: FeedPosition) throws {
        let actor = try context.authenticate(call.context)
        let page = try feed(of: context.shards[shard], after: position.positions[shard])
        let items = try page.deliverable()
        var position = position
        for item in items {
            position.positions[shard] = item.position
            if only == nil || item.caseID == only {
                switch item.view(for: actor) {
                case .hidden: break
                case .gone: send(gone(item, position.token))
                case .changed: send(event(item, position.token))
                }
            }
            // Behind the event: a heartbeat between the two must not promise what was not sent.
            let isOver = state.withLock { state in
                state.position = position
                return state.isOver
            }
            if isOver { return }
        }
        if items.count == WatchService.batchMax { state.withLock { _ = $0.dirty.insert(shard) } }
    }

    private func feed(
        of shard: GroupRoute<ShardMachine>,
        after position: UInt64
    ) throws -> FeedPage {
        guard shard.readsHere, let machine = shard.local?.machine else {
            return try context.remoteReader(of: shard)
                .feed(after: position, limit: WatchService.batchMax)
        }
        return try machine.read { reader throws(StoreError) in
            try reader.feed(after: position, limit: WatchService.batchMax)
        }
    }

    private func gone(_ item: FeedItem, _ token: String) -> PBWatchEvent {
        PBWatchEvent.with {
            $0.resumeToken = token
            $0.caseID = item.caseID.description
            $0.gone = true
        }
    }

    private func event(_ item: FeedItem, _ token: String) -> PBWatchEvent {
        PBWatchEvent.with {
            $0.resumeToken = token
            $0.caseID = item.caseID.description
            $0.version = item.version
            $0.at = item.at.rawValue
            $0.action = item.action.label
            $0.status = PBCaseStatus(item.after.status)
            $0.owner = item.after.owner?.rawValue ?? ""
            $0.actor = item.by.rawValue
        }
    }

    private func send(_ event: PBWatchEvent) {
        do {
            // A consumer that is too slow is ended by the writer's own limit, with a typed status.
            if case .closed = call.writer.write(try event.serializedBytes()) { retire() }
        } catch {
            finish(RPCStatus(.internalError, "an event can't be encoded"))
        }
    }
}
