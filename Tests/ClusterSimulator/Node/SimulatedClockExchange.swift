import ClusterPrimitives
import ReplicaDriver

/// Looks at the other voters' clocks, as the server's exchange does: time is their median. Before it has seen most
/// of them the node does not stand for election, and while its own is off it hands over what it leads.
final class SimulatedClockExchange {
    /// Between two looks, in microseconds.
    static let lookTime: Int64 = 1_000_000
    /// Between two looks until the first verdict.
    static let firstLookTime: Int64 = 100_000

    private unowned let process: NodeProcess
    private var judge = ClockJudge()
    /// Whether the node may stand for election. Every simulated cluster has several voters.
    private(set) var mayLead = false
    /// The other nodes whose clocks are surely right.
    private(set) var agreeing: Set<NodeID> = []
    /// What most clocks showed, and when, by the monotonic clock in milliseconds.
    private var lastMedian: (time: Timestamp, monotonic: Int64)?

    init(_ process: NodeProcess) { self.process = process }

    /// Looks at once, and on and on.
    func start() {
        process.plan(after: 0) { [self] in run() }
    }

    private func run() {
        look()
        process.plan(after: mayLead ? Self.lookTime : Self.firstLookTime) { [self] in run() }
    }

    /// What most clocks show now; nil before the first verdict.
    var median: Timestamp? {
        lastMedian.map { $0.time + TimeSpan(milliseconds: monotonic - $0.monotonic) }
    }

    /// The system group's, and where that says nothing those of the groups that this node votes in.
    private var voters: [[NodeID]] {
        let groups = process.replicas.map(\.status.configuration.voters.incoming.voters)
        return groups.enumerated().filter { $0 == 0 || $1.contains(process.node.id) }.map(\.element)
    }

    /// Each round is judged when its last answer is there, or can't come any more.
    private func look() {
        for peer in Set(voters.joined()).sorted() where peer != process.node.id { ask(peer) }
        if mayLead { process.plan(after: Self.lookTime / 2) { [self] in obey() } }
    }

    private func obey() {
        let wall = process.node.clock.wall(at: process.world.now)
        let verdicts = voters.lazy.map { [self] in
            judge.verdict(own: process.node.id, voters: $0, wall: wall, monotonic: monotonic)
        }
        let verdict = ClockVerdict.best(of: verdicts)
        switch verdict {
        case .sound(let median), .off(let median):
            (lastMedian, mayLead) = ((wall + median, monotonic), true)
            agreeing = judge.agreeing(with: median, wall: wall, monotonic: monotonic)
        case .unsettled(let clocks):
            agreeing = []
            let floor = process.keeper.floor
            guard lastMedian == nil,
                let guess = ClockJudge.guess(among: clocks, wall: wall, floor: floor)
            else { return }
            (lastMedian, mayLead) = ((wall + guess, monotonic), true)
        case .unknown: agreeing = []
        }
        guard case .off = verdict else { return }
        for replica in process.replicas where replica.leadership.leader == process.node.id {
            process.world.coverage[.wrongClockGaveUp] += 1
            replica.handOver()
        }
    }

    private func ask(_ peer: NodeID) {
        let (node, world) = (process.node, process.world)
        let sentAt = monotonic
        world.call(
            from: node.id.rawValue,
            to: peer,
            by: process,
            { server, answer in answer(server.node.clock.wall(at: server.world.now)) },
            { [weak self] (wall: Timestamp) in
                guard let self else { return }
                judge.take(
                    ClockReading(
                        node: peer,
                        peerWall: wall,
                        wall: node.clock.wall(at: world.now),
                        sentAt: sentAt,
                        receivedAt: monotonic
                    )
                )
                if !mayLead { obey() }
            }
        )
    }

    private var monotonic: Int64 { process.node.clock.monotonicMilliseconds(at: process.world.now) }
}
