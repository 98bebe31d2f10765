import ClusterPrimitives
import Logging
import NIOCore
import ReplicaDriver
import Synchronization

/// Looks at the other nodes' clocks, and has this node give up what it leads while its own is off.
final class ClockExchange: Sendable {
    /// Between two looks at each node, in milliseconds: a clock that was set wrong leads for a second or two.
    static let milliseconds: Int64 = 1_000

    private struct State {
        var task: RepeatedTask?
        var isOff = false
        var offset = TimeSpan(milliseconds: 0)
    }

    private let calls: PeerCalls
    private let context: ServiceContext
    private let watch = ClockWatch()
    private let logger: Logger
    private let state = Mutex(State())

    init(links: PeerLinks, context: ServiceContext, logger: Logger) {
        calls = PeerCalls(links: links)
        self.context = context
        self.logger = logger
    }

    func start(on eventLoop: any EventLoop) {
        let time = TimeAmount.milliseconds(Self.milliseconds)
        let task = eventLoop.scheduleRepeatedTask(initialDelay: time, delay: time) {
            [weak self] _ in
            self?.look()
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

    private func look() {
        judge()
        for peer in calls.links.peers {
            calls.look(at: peer, within: .milliseconds(Self.milliseconds)) {
                [watch] response, sentAt, receivedAt in
                guard let response else { return }
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
        }
    }

    private func judge() {
        // All that take part: most of them vote in most groups. A node alone has nobody to compare with.
        let members = context.system.machine.state
        let voters = members.nodesForReplicas.filter { members.hasTakenPart($0) }
        guard voters.count > 1 else { return }
        let verdict = watch.verdict(own: context.node, voters: voters)
        switch verdict {
        // Time runs no further ahead than most clocks do.
        case .sound(let median), .off(let median):
            context.clock.follow(median: median)
            state.withLock { $0.offset = median }
        case .unknown: break  // Without a majority nobody leads here.
        }
        let isOff = if case .off = verdict { true } else { false }
        let hasChanged = state.withLock { state in
            defer { state.isOff = isOff }
            return state.isOff != isOff
        }
        if hasChanged { report(verdict) }
        guard isOff else { return }
        for shard in context.shards where shard.leader == context.node { shard.local?.handOver() }
        if context.system.leader == context.node { context.system.replica.handOver() }
    }

    private func report(_ verdict: ClockVerdict) {
        if case .off(let median) = verdict {
            logger.error(
                "this node's clock is wrong: it leads nothing until it is right again",
                metadata: ["others-ahead-by": "\(median)"]
            )
        } else {
            logger.notice("this node's clock agrees with the others' again")
        }
    }
}
