import ClusterPrimitives
import ReplicaDriver

/// Looks at the other voters' clocks, and has this node give up what it leads while its own is off, as the
/// server's exchange does.
final class SimulatedClockExchange {
    /// Between two looks, in microseconds.
    static let lookTime: Int64 = 1_000_000

    private unowned let process: NodeProcess
    private var judge = ClockJudge()
    /// What is taken off this machine's clock: it is ahead of the voters' median.
    private(set) var excess = TimeSpan(milliseconds: 0)

    init(_ process: NodeProcess) { self.process = process }

    func start() {
        process.plan(after: Self.lookTime) { [self] in
            look()
            start()
        }
    }

    private func look() {
        guard let system = process.system else { return }
        let voters = system.status.configuration.voters.incoming.voters
        obey(judge.verdict(own: process.node.id, voters: voters, monotonic: monotonic))
        for peer in voters where peer != process.node.id { ask(peer) }
    }

    private func obey(_ verdict: ClockVerdict) {
        switch verdict {
        case .sound(let median), .off(let median):
            excess = min(median, TimeSpan(milliseconds: 0))
        case .unknown: break
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
            }
        )
    }

    private var monotonic: Int64 { process.node.clock.monotonicMilliseconds(at: process.world.now) }
}
