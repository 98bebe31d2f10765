import CaseProtocol
import ClusterPrimitives
import Logging
import NIOCore
import ReplicaDriver
import Synchronization

/// Looks at the other nodes, at their clocks most of all: time is their median. Before it has seen most of them this
/// node does not stand for election, and while its own is off it hands over what it leads. From what the others say of
/// themselves it finds to whom leadership may be given (`Successors`).
///
/// Rejected: that a node whose clock is off does not stand either. What it stamps is the median all the same, and
/// where another node is away it may be the only one whose log is complete.
final class ClockExchange: Sendable {
    /// Between two looks at each node, in milliseconds: a clock that was set wrong leads for a second or two.
    static let milliseconds: Int64 = 1_000
    /// Between two looks until the first verdict, in milliseconds: the node can't lead before.
    static let firstMilliseconds: Int64 = 100

    private struct State {
        var task: RepeatedTask?
        var lookedAt: Int64?
        /// A majority of the clocks has been seen once.
        var hasCompared = false
        var isOff = false
        var offset = TimeSpan(milliseconds: 0)
        /// What the others said of themselves in the last round.
        var standings: [NodeID: Standing] = [:]
    }

    /// What a node says of itself.
    private struct Standing {
        var takesLeadership: Bool
        var hears: Set<NodeID>
    }

    /// One look at every node. The last answer judges: while one node's clock is read anew and another's was
    /// read before, a step of all clocks together would look like one of this node's alone.
    private final class Round: Sendable {
        private let waiting: Atomic<Int>

        init(of count: Int) { waiting = Atomic(count) }

        /// - Returns: whether this was the last one.
        func isOver() -> Bool { waiting.subtract(1, ordering: .relaxed).newValue == 0 }
    }

    private let calls: PeerCalls
    private let context: ServiceContext
    private let watch = ClockWatch()
    private let successors: Successors
    private let logger: Logger
    private let state = Mutex(State())

    init(links: PeerLinks, context: ServiceContext, successors: Successors, logger: Logger) {
        calls = PeerCalls(links: links)
        self.successors = successors
        self.context = context
        self.logger = logger
    }

    func start(on eventLoop: any EventLoop) {
        let time = TimeAmount.milliseconds(Self.firstMilliseconds)
        let task = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: time) {
            [weak self] _ in
            self?.tick()
        }
        state.withLock { $0.task = task }
    }

    func stop() {
        let task = state.withLock { state in
            defer { state.task = nil }
            return state.task
        }
        task?.cancel()
    }

    /// How far the members' median is ahead of this machine's clock, as of the last look.
    var offset: TimeSpan { state.withLock { $0.offset } }

    /// All that take part: most of them vote in most groups.
    private var voters: [NodeID] {
        let members = context.system.machine.state
        return members.nodesForReplicas.filter { members.hasTakenPart($0) }
    }

    private func tick() {
        guard voters.count > 1 else { return beAlone() }
        let now = SystemClock.monotonicMilliseconds()
        let isDue = state.withLock { state in
            let pause = state.hasCompared ? Self.milliseconds : Self.firstMilliseconds
            let isDue = state.lookedAt.map { now - $0 >= pause } ?? true
            if isDue { state.lookedAt = now }
            // Within the lock, as `follow` is: whoever has compared meanwhile must not be made to wait again.
            if !state.hasCompared { context.clock.awaitComparison() }
            return isDue
        }
        if isDue { look() }
    }

    /// A node alone has nobody to compare with.
    private func beAlone() {
        context.clock.followNobody()
        successors.set([])
        state.withLock { state in
            state.hasCompared = false
            state.isOff = false
            state.offset = TimeSpan(milliseconds: 0)
        }
    }

    private func look() {
        let peers = calls.links.peers
        let round = Round(of: peers.count)
        for peer in peers {
            calls.look(at: peer, within: .milliseconds(Self.milliseconds)) {
                [weak self] response, sentAt, receivedAt in
                guard let self else { return }
                note(response, of: peer)
                if let response {
                    watch.take(
                        ClockReading(
                            node: peer,
                            peerWall: Timestamp(rawValue: response.wallMs),
                            wall: SystemClock.wall(),
                            sentAt: sentAt,
                            receivedAt: receivedAt
                        )
                    )
                }
                if round.isOver() || !state.withLock({ $0.hasCompared }) { judge() }
            }
        }
    }

    private func note(_ response: PBLookResponse?, of peer: NodeID) {
        let standing = response.map {
            Standing(
                takesLeadership: $0.takesLeadership,
                hears: Set($0.hears.map { NodeID($0) })
            )
        }
        state.withLock { $0.standings[peer] = standing }
    }

    /// Leadership given to a node that some others can't hear would cut those off.
    private func mayLead(_ node: NodeID) -> Bool {
        guard let standing = state.withLock({ $0.standings[node] }) else { return false }
        let heard = Set(calls.links.alive).subtracting([node])
        return standing.takesLeadership && heard.isSubset(of: standing.hears)
    }

    private func judge() {
        let voters = voters
        guard voters.count > 1 else { return }
        let (wall, monotonic) = (SystemClock.wall(), SystemClock.monotonicMilliseconds())
        let verdict = verdict(voters, wall, monotonic)
        let isOff = if case .off = verdict { true } else { false }
        switch verdict {
        // What was followed last holds on; with nothing to hold on to there is one guess.
        case .unsettled(let clocks):
            successors.set([])
            guard !state.withLock({ $0.hasCompared }) else { return }
            let floor = context.clock.floor
            guard let guess = ClockJudge.guess(among: clocks, wall: wall, floor: floor) else {
                return
            }
            state.withLock { state in
                context.clock.follow(median: guess, wall: wall, monotonic: monotonic)
                (state.offset, state.hasCompared) = (guess, true)
            }
        case .sound(let median), .off(let median):
            let right = watch.agreeing(with: median, wall: wall, monotonic: monotonic)
            successors.set(right.filter { mayLead($0) })
            let hasChanged = state.withLock { state in
                defer { state.isOff = isOff }
                context.clock.follow(median: median, wall: wall, monotonic: monotonic)
                (state.offset, state.hasCompared) = (median, true)
                return state.isOff != isOff
            }
            if hasChanged { report(isOff, median) }
        // Then no group has a quorum here; what was seen last holds on.
        case .unknown: successors.set([])
        }
        guard isOff else { return }
        for shard in context.shards where shard.leader == context.node { shard.local?.handOver() }
        if context.system.leader == context.node { context.system.replica.handOver() }
    }

    /// By all members; where most of them are away, by the voters of a group that can go on without them.
    private func verdict(
        _ voters: [NodeID],
        _ wall: Timestamp,
        _ monotonic: Int64
    ) -> ClockVerdict {
        let groups = context.system.machine.state.shardMap.lazy.map(\.voters)
            .filter { [context] in $0.contains(context.node) }
        let verdicts = ([voters] + groups).lazy.map { [self] in
            watch.verdict(own: context.node, voters: $0, wall: wall, monotonic: monotonic)
        }
        return ClockVerdict.best(of: verdicts)
    }

    private func report(_ isOff: Bool, _ median: TimeSpan) {
        if isOff {
            logger.error(
                "this node's clock is wrong: it leads nothing until it is right again",
                metadata: ["others-ahead-by": "\(median)"]
            )
        } else {
            logger.notice("this node's clock agrees with the others' again")
        }
    }
}
