import NIOCore
import Synchronization

/// What passes time for replicas: one timer for the whole node.
///
/// Why one: the heartbeats of all groups then leave together, and one frame carries them to each peer.
final class ReplicaTicker: Sendable {
    /// Length of a tick in milliseconds.
    ///
    /// With `electionTicks` at 16 a follower waits 400 to 800 ms for its leader, so that a group has a new
    /// one after about half a second, and after one split vote still within 1.6 s. Short ticks because two
    /// followers that draw the same tick tend to split the vote: of 16 draws one in sixteen is the same.
    static let milliseconds: Int64 = 25
    /// Ticks between heartbeats: 100 ms, so that three in a row may be lost or late.
    static let heartbeatTicks = 4
    /// Ticks without a word from the leader before an election, at least; less than twice as many at most.
    /// 400 ms: ten times what a disk or a busy core usually makes a heartbeat wait. A follower that is
    /// mistaken deposes nobody: with pre-vote it asks first.
    static let electionTicks = 16
    /// Ticks after a start, and between tries, until who is to lead a group asks for votes before the others do: 100 ms,
    /// by when the links are mostly there, and three more times until their patience may end.
    static let firstStandTicks = 4

    private struct Ticked: Sendable {
        let tick: @Sendable (Int) -> Void
        /// The replica has ended.
        let isOver: @Sendable () -> Bool
        let cut: @Sendable () -> Void
    }

    private struct State {
        var replicas: [Ticked] = []
        var task: RepeatedTask?
        var isStopped = false
        var ticks = 0
    }

    private let state = Mutex(State())

    /// Begins to tick on `eventLoop`.
    init(eventLoop: any EventLoop) {
        let task = eventLoop.scheduleRepeatedTask(
            initialDelay: .milliseconds(Self.milliseconds),
            delay: .milliseconds(Self.milliseconds)
        ) { [weak self] _ in
            self?.tick()
        }
        state.withLock { $0.task = task }
    }

    /// Ticks for a replica from now on.
    func add<Machine: StateMachine>(_ replica: ReplicaHost<Machine>) {
        let link = replica.ports.link
        let ticked = Ticked { number in
            link.host?.tick(number)
        } isOver: {
            link.isCut
        } cut: {
            link.cut()
        }
        state.withLock { $0.replicas.append(ticked) }
    }

    /// No tick comes any more, and nothing keeps the replicas: for a node that does not come to run.
    func abandon() {
        let replicas = state.withLock { $0.replicas }
        stop()
        for replica in replicas { replica.cut() }
    }

    /// No tick comes after it, but for one that is under way.
    func stop() {
        let task = state.withLock { state in
            state.isStopped = true
            state.replicas = []
            defer { state.task = nil }
            return state.task
        }
        task?.cancel()
    }

    private func tick() {
        let (replicas, number) = state.withLock { state in
            state.ticks += 1
            return (state.replicas, state.ticks)
        }
        for replica in replicas { replica.tick(number) }
        guard replicas.contains(where: { $0.isOver() }) else { return }
        state.withLock { $0.replicas.removeAll { $0.isOver() } }
    }
}
