import CaseModel
import CaseStore
import ClusterPrimitives
import ReplicaDriver

/// A client: one operation at a time, tried again under its key until it is answered or the client gives up.
final class SimulatedClient {
    /// Cases that clients make; more would only make each history shorter.
    private static let casesMax = 40

    let endpoint: UInt64
    private unowned let world: World
    private var leaders: [ShardID: NodeID] = [:]
    private var isFinishing = false
    private(set) var isBusy = false
    private var said = 0

    /// What a node answers to an operation.
    private enum Reply {
        case result(ShardResult)
        case seen(CaseView?)
        case failed(ReplicaFailure)
    }

    init(_ endpoint: UInt64, _ world: World) {
        self.endpoint = endpoint
        self.world = world
    }

    func start() { rest() }

    /// Begins nothing new.
    func finish() { isFinishing = true }

    private func rest() {
        isBusy = false
        world.plan(after: world.draw(0...2 * world.options.thinkTime)) { [self] in
            if !isFinishing { act() }
        }
    }

    private func act() {
        isBusy = true
        let ids = world.book.caseIDs
        if ids.isEmpty || ids.count < Self.casesMax && world.chance(12) { return create() }
        let id = ids[ids.count - 1 - Int(world.draw(0...Int64(min(ids.count, 6)) - 1))]
        if world.chance(32) { return read(id, until: world.now + 3_000_000) { [self] _ in rest() } }
        if world.chance(4), reuseKey() { return }
        let command = Conversation.command(on: id, words: nextWords(), world)
        perform(command, key: key())
    }

    private func nextWords() -> String {
        said += 1
        return "word \(endpoint - SimulatedNetwork.clientsFrom)-\(said)"
    }

    private func key() -> String { "key-\(world.drawSeed())" }

    private func scope(_ command: CaseCommand, _ key: String) -> IdempotencyScope {
        IdempotencyScope(
            principal: command.actor.id,
            method: "/casecluster.v1.Cases/\(command.action.name)",
            key: key,
            requestHash: SHA256Digest(hashing: command.encodedBytes)
        )
    }

    // MARK: Commands

    private func create() {
        perform(Conversation.creation(words: nextWords(), world), key: key())
    }

    private func perform(_ command: CaseCommand, key: String) {
        let scope = scope(command, key)
        let shard =
            command.target?.shard
            ?? ShardID(UInt16(scope.digest.prefix64 % UInt64(world.options.shards)))
        let from = Int64(world.steps)
        let patience: Int64 =
            world.isHealing ? 60_000_000 : world.pick([400_000, 3_000_000, 9_000_000])
        attempt(shard, until: world.now + patience, .onCase(command, scope), isRetry: false) {
            [self] reply in
            switch reply {
            case .result(let result):
                if command.target == nil {
                    guard case .accepted(let receipt) = result else {
                        world.fail("a creation is answered with \(result)")
                        return
                    }
                    world.book.created(receipt, command, key: scope.digest, from: from)
                } else if let id = command.target {
                    world.book.note(id, .command(command), world.book.output(result), from)
                }
                world.book.settled(scope, command)
            default:
                if let id = command.target { world.book.note(id, .command(command), nil, from) }
            }
            rest()
        }
    }

    /// The key of an answered command with other content must be refused, whatever it asks.
    private func reuseKey() -> Bool {
        guard let known = world.book.settled.last, let id = known.command.target else {
            return false
        }
        var command = known.command
        command.action = .note("another content")
        command.expectedVersion = nil
        var scope = known.scope
        scope.requestHash = SHA256Digest(hashing: command.encodedBytes)
        attempt(id.shard, until: world.now + 2_000_000, .onCase(command, scope), isRetry: false) {
            [self] reply in
            if case .result(let result) = reply {
                world.coverage[.keyReuseRefused] += 1
                if result != .refused(.keyReused) {
                    world.fail("a key that was used is taken with other content: \(result)")
                }
            }
            rest()
        }
        return true
    }

    // MARK: Reads

    /// Reads a case linearizably; tells whether it got an answer in time.
    func read(_ id: CaseID, until deadline: Int64, _ done: @escaping (Bool) -> Void) {
        let from = Int64(world.steps)
        attempt(id.shard, until: deadline, id, isRetry: false) { [self] reply in
            if case .seen(let view) = reply {
                world.coverage[.readServed] += 1
                world.book.note(id, .read, .seen(view), from)
                done(true)
            } else {
                done(false)
            }
        }
    }

    // MARK: Attempts

    /// What a node is asked.
    private protocol Question {
        func ask(
            _ shard: SimulatedReplica<SimulatedShardMachine>,
            _ reply: @escaping (Reply) -> Void
        )
    }

    private struct Proposal: Question {
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

    private struct Look: Question {
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

    private func attempt(
        _ shard: ShardID,
        until deadline: Int64,
        _ command: ShardCommand,
        isRetry: Bool,
        _ done: @escaping (Reply) -> Void
    ) {
        ask(shard, until: deadline, Proposal(command: command), isRetry: isRetry, done)
    }

    private func attempt(
        _ shard: ShardID,
        until deadline: Int64,
        _ id: CaseID,
        isRetry: Bool,
        _ done: @escaping (Reply) -> Void
    ) {
        ask(shard, until: deadline, Look(id: id), isRetry: isRetry, done)
    }

    private func ask(
        _ shard: ShardID,
        until deadline: Int64,
        _ question: any Question,
        isRetry: Bool,
        _ done: @escaping (Reply) -> Void
    ) {
        guard world.now < deadline else { return done(.failed(.outcomeUnknown)) }
        if isRetry { world.coverage[.retriedByKey] += 1 }
        // A read may go to any node.
        let isAnywhere = question is Look && world.chance(40)
        let target =
            isAnywhere ? world.pick(world.nodes).id : leaders[shard] ?? world.pick(world.nodes).id
        var isOver = false
        func again(after pause: Int64, _ leader: NodeID?) {
            guard !isOver else { return }
            isOver = true
            leaders[shard] = leader
            world.plan(after: pause) { [self] in
                ask(shard, until: deadline, question, isRetry: true, done)
            }
        }
        world.plan(after: world.draw(300_000...1_500_000)) { again(after: 0, nil) }
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
