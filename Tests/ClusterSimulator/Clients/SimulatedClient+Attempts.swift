import CaseModel
import CaseStore
import ClusterPrimitives
import HistoryChecker
import ReplicaDriver

/// What a client asks of nodes, again and again, until somebody answers.
extension SimulatedClient {
    /// What a node answers to an operation.
    enum Reply {
        case result(ShardResult)
        case seen(CaseView?)
        case failed(ReplicaFailure)
    }

    /// What a node is asked.
    protocol Question {
        func ask(
            _ shard: SimulatedReplica<SimulatedShardMachine>,
            _ reply: @escaping (Reply) -> Void
        )
    }

    struct Proposal: Question {
        let command: ShardCommand

        func ask(
            _ shard: SimulatedReplica<SimulatedShardMachine>,
            _ reply: @escaping (Reply) -> Void
        ) {
            shard.propose(command) { outcome in
                switch outcome {
                case .success(let result): reply(.result(result))
                case .failure(let failure): reply(.failed(failure))
                }
            }
        }
    }

    struct Look: Question {
        let id: CaseID

        /// The leader reads at once; another replica asks the leader how far it must be.
        func ask(
            _ shard: SimulatedReplica<SimulatedShardMachine>,
            _ reply: @escaping (Reply) -> Void
        ) {
            let (process, world) = (shard.process, shard.process.world)
            guard let leader = shard.leadership.leader, leader != process.node.id else {
                return shard.read { look(shard, $0, reply) }
            }
            world.call(
                from: process.node.id.rawValue,
                to: leader,
                by: process,
                { server, answer in
                    server.shards[Int(id.shard.rawValue)].readIndex(answer)
                },
                { (index: LogIndex?) in
                    guard let index else { return reply(.failed(.notLeader(leader: nil))) }
                    shard.whenApplied(index) { failure in
                        if failure == nil { world.coverage[.readElsewhere] += 1 }
                        look(shard, failure, reply)
                    }
                }
            )
        }

        private func look(
            _ shard: SimulatedReplica<SimulatedShardMachine>,
            _ failure: ReplicaFailure?,
            _ reply: @escaping (Reply) -> Void
        ) {
            let process = shard.process
            if let failure {
                process.world.coverage[.readFailed] += 1
                return reply(.failed(failure))
            }
            // On a reader's thread, a moment later.
            process.plan(after: process.loopTime()) {
                do throws(StoreError) {
                    let record = try shard.machine.store.read { reader throws(StoreError) in
                        try reader.record(id)
                    }
                    reply(.seen(record.map { CaseView($0) }))
                } catch {
                    process.failed(error)
                }
            }
        }
    }

    func attempt(
        _ shard: ShardID,
        until deadline: Int64,
        _ command: ShardCommand,
        _ done: @escaping (Reply) -> Void
    ) {
        ask(shard, until: deadline, Proposal(command: command), done)
    }

    /// Asks until there is an answer, at the latest at `deadline`; a command is repeated under its key.
    func ask(
        _ shard: ShardID,
        until deadline: Int64,
        _ question: any Question,
        isRetry: Bool = false,
        _ done: @escaping (Reply) -> Void
    ) {
        guard world.now < deadline else { return done(.failed(.outcomeUnknown)) }
        if isRetry { world.coverage[.retriedByKey] += 1 }
        // A read may go to any node.
        let isAnywhere = question is Look && world.chance(world.options.readAnywherePercent)
        let target =
            (world.isHealing ? nil : home)
            ?? (isAnywhere ? nil : leaders[shard]) ?? world.pick(world.nodes).id
        var isOver = false
        func again(after pause: Int64, _ leader: NodeID?) {
            guard !isOver else { return }
            isOver = true
            leaders[shard] = leader
            world.plan(after: pause) { [self] in
                ask(shard, until: deadline, question, isRetry: true, done)
            }
        }
        world.plan(after: attemptTime()) { again(after: 0, nil) }
        world.call(
            from: endpoint,
            to: target,
            by: nil,
            { server, answer in question.ask(server.shards[Int(shard.rawValue)], answer) },
            { (reply: Reply) in
                guard !isOver else { return }
                switch reply {
                case .failed(.notLeader(let leader)): again(after: 20_000, leader)
                case .failed: again(after: 100_000, nil)
                case .result, .seen:
                    isOver = true
                    done(reply)
                }
            }
        )
    }
}
