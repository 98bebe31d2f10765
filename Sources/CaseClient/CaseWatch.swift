import CaseProtocol
import NIOCore
import RPC

/// Changes of cases as they happen, without gaps, over lost connections and nodes that go.
///
/// Each event carries a resume token: whoever keeps the last one can go on from there in another
/// process. The sequence reconnects by itself from the last token; it ends by cancelling the task,
/// or throws what can't be mended by trying again: a token too old (`out-of-range`: read the state
/// anew and start without a token), a missing right, or nobody answering for `CaseClient.watch`'s
/// `patience`.
///
/// It pulls: while the caller is busy nothing is buffered here beyond the connection's window.
public struct CaseWatch: AsyncSequence, Sendable {
    let client: CaseClient
    let request: WatchRequest
    let patience: Duration
    let includesHeartbeats: Bool

    /// The longest life of one stream; then it is opened again from the last token. A connection
    /// that died without a word is found out by this at the latest.
    static let streamLifeMax: Duration = .seconds(300)
    /// This one's.
    var streamLife: Duration = Self.streamLifeMax

    /// Starts from the request's token.
    public func makeAsyncIterator() -> Iterator {
        Iterator(self)
    }

    /// Follows the changes.
    public struct Iterator: AsyncIteratorProtocol {
        private let client: CaseClient
        private let patience: Duration
        private let includesHeartbeats: Bool
        private let streamLife: Duration
        private var request: WatchRequest
        private var feed: Feed?
        private var failures = 0
        private var silentSince = NIODeadline.now()

        init(_ watch: CaseWatch) {
            client = watch.client
            request = watch.request
            patience = watch.patience
            includesHeartbeats = watch.includesHeartbeats
            streamLife = watch.streamLife
        }

        /// Where to go on: the token of the last event or heartbeat; empty before the first.
        public var resumeToken: String { request.resumeToken }

        /// The next event; nil only after the task was cancelled.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(CaseClientError) -> WatchEvent? {
            while !Task.isCancelled {
                let feed = try open()
                do {
                    if let event = try await feed.next(isolation: actor) {
                        take(event)
                        if includesHeartbeats || !event.heartbeat { return event }
                    } else {
                        // The server ended it in peace: a restart, or the end of its life.
                        self.feed = nil
                        try await pauseAndMoveOn(from: feed, nil, isolation: actor)
                    }
                } catch {
                    self.feed = nil
                    try await pauseAndMoveOn(from: feed, error, isolation: actor)
                }
            }
            return nil
        }

        private mutating func open() throws(CaseClientError) -> Feed {
            if let feed { return feed }
            let opened = try Feed(client, client.nodes.preferred(), request, life: streamLife)
            feed = opened
            return opened
        }

        private mutating func take(_ event: WatchEvent) {
            if !event.resumeToken.isEmpty {
                request.resumeToken = event.resumeToken
                request.fromStart = false
            }
            failures = 0
            silentSince = .now()
        }

        private mutating func pauseAndMoveOn(
            from feed: Feed,
            _ error: CaseClientError?,
            isolation actor: isolated (any Actor)?
        ) async throws(CaseClientError) {
            if let error {
                guard !Task.isCancelled else { return }
                let isSilence = error.code == .unavailable || error.code == .deadlineExceeded
                guard isSilence, !error.refused else { throw error }
                if feed.hasOutlived {
                    // Its life was over: nothing is wrong with the node, nor has it been silent.
                    silentSince = .now()
                } else {
                    guard NIODeadline.now() < silentSince + TimeAmount(patience) else {
                        throw error
                    }
                    client.nodes.moveOn(from: feed.node)
                }
            }
            failures += 1
            let pause = client.pause(afterAttempt: failures, advised: error?.retryAfter)
            do {
                try await Task.sleep(for: pause)
            } catch {
                return  // Cancelled: the loop sees it.
            }
        }
    }
}

/// One stream of events. A class, so that leaving a loop over the sequence ends the call.
private final class Feed {
    let node: Nodes.Node
    private let stream: RPCClientStream
    private var messages: RPCMessages.AsyncIterator
    private let endOfLife: NIODeadline

    var hasOutlived: Bool { NIODeadline.now() >= endOfLife }

    init(
        _ client: CaseClient,
        _ node: Nodes.Node,
        _ request: WatchRequest,
        life: Duration
    ) throws(CaseClientError) {
        let bytes: [UInt8]
        do {
            bytes = try request.serializedBytes()
        } catch {
            throw .misconfigured("the request can't be encoded: \(error)")
        }
        self.node = node
        endOfLife = .now() + TimeAmount(life)
        stream = node.rpc.serverStream(
            "/casecluster.v1.Cases/Watch",
            bytes,
            metadata: try CaseClient.metadata(client.configuration.token),
            deadline: endOfLife
        )
        messages = stream.messages.makeAsyncIterator()
    }

    func next(
        isolation actor: isolated (any Actor)?
    ) async throws(CaseClientError) -> WatchEvent? {
        let bytes: [UInt8]?
        do {
            bytes = try await messages.next(isolation: actor)
        } catch {
            throw CaseClientError(error)
        }
        guard let bytes else { return nil }
        do {
            return try WatchEvent(serializedBytes: bytes)
        } catch {
            throw CaseClientError(
                code: .internal,
                kind: "damaged",
                message: "the server sent an event that can't be read: \(error)"
            )
        }
    }

    deinit { stream.cancel() }
}

extension CaseClient {
    /// Follows changes.
    ///
    /// - Parameters:
    ///   - request: where to begin, and of which case; unset for all that the caller may see, from
    ///     now on.
    ///   - patience: how long nobody may answer, at the start or later, before it gives up.
    ///   - includesHeartbeats: also give events without a change, whose token has moved on.
    /// - Returns: the events; the call is made when they are iterated.
    /// - Throws: for a request that contradicts itself; nothing is sent yet.
    public func watch(
        _ request: WatchRequest = WatchRequest(),
        patience: Duration = .seconds(60),
        includesHeartbeats: Bool = false
    ) throws(CaseClientError) -> CaseWatch {
        var request = request
        if !request.caseID.isEmpty { request.caseID = try Self.checked(request.caseID) }
        guard request.resumeToken.isEmpty || !request.fromStart else {
            throw .misconfigured("from the start, or from a token: not both", field: "from_start")
        }
        return CaseWatch(
            client: self,
            request: request,
            patience: patience,
            includesHeartbeats: includesHeartbeats
        )
    }
}
