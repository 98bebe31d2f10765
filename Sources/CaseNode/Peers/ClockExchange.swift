import ClusterPrimitives
import Logging
import NIOCore
import Synchronization

/// Compares this node's clock with the other members', once a second, and acts on the verdict: time follows no
/// clock that runs ahead of the median, and a node whose clock is off leads nothing.
final class ClockExchange: Sendable {
    /// The pause between two comparisons, in milliseconds: a clock that is set wrong is found out long before
    /// anything is due by it.
    static let periodMilliseconds: Int64 = 1_000
    /// Time for one answer, in milliseconds: what takes longer is too uncertain to count.
    static let answerMilliseconds = 2 * ClockJudge.uncertaintyMaxMilliseconds

    /// Asks a node for its clock; the reply comes once, nil without an answer.
    typealias Ask = @Sendable (NodeID, @escaping @Sendable (Timestamp?) -> Void) -> Void

    private struct State {
        var task: RepeatedTask?
        var isOff = false
    }

    private let node: NodeID
    private let clock: SystemClock
    private let logger: Logger
    private let members: @Sendable () -> [NodeID]
    private let ask: Ask
    private let giveUp: @Sendable () -> Void
    private let watch = ClockWatch()
    private let state = Mutex(State())

    /// `giveUp` is called with every comparison that finds the clock off: it hands over what this node leads.
    init(
        node: NodeID,
        clock: SystemClock,
        logger: Logger,
        members: @escaping @Sendable () -> [NodeID],
        ask: @escaping Ask,
        giveUp: @escaping @Sendable () -> Void
    ) {
        self.node = node
        self.clock = clock
        self.logger = logger
        self.members = members
        self.ask = ask
        self.giveUp = giveUp
    }

    /// Begins to compare.
    func start(on eventLoop: any EventLoop) {
        let period = TimeAmount.milliseconds(Self.periodMilliseconds)
        let task = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: period) {
            [weak self] _ in
            self?.compare()
        }
        state.withLock { $0.task = task }
    }

    /// Compares no more.
    func stop() {
        let task = state.withLock { state in
            defer { state.task = nil }
            return state.task
        }
        task?.cancel()
    }

    /// Acts on what is known, and asks for the next time.
    func compare() {
        let members = members()
        act(on: watch.verdict(own: node, voters: members))
        for member in members where member != node {
            let sentAt = SystemClock.monotonicMilliseconds()
            ask(member) { [watch] wall in
                guard let wall else { return }
                watch.take(
                    ClockReading(
                        node: member,
                        peerWall: wall,
                        wall: SystemClock.wall(),
                        sentAt: sentAt,
                        receivedAt: SystemClock.monotonicMilliseconds()
                    )
                )
            }
        }
    }

    private func act(on verdict: ClockVerdict) {
        switch verdict {
        case .unknown: break  // Without a majority there is no leader here to be wrong.
        case .sound(let median):
            clock.follow(median: median)
            if note(isOff: false) {
                logger.notice("the machine's clock agrees with the other members' again")
            }
        case .off(let median):
            clock.follow(median: median)
            if note(isOff: true) {
                logger.error(
                    "the machine's clock is off: this node leads nothing until it is right",
                    metadata: ["node": "\(node)", "others-ahead-by": "\(median)"]
                )
            }
            giveUp()
        }
    }

    /// Whether that is news.
    private func note(isOff: Bool) -> Bool {
        state.withLock { state in
            defer { state.isOff = isOff }
            return state.isOff != isOff
        }
    }
}
