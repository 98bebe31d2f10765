import CaseModel
import CaseStore
import ClusterPrimitives

/// A client: one operation at a time, tried again under its key until it is answered or the client gives up.
final class SimulatedClient {
    /// Cases that clients make; more would only make each history shorter.
    private static let casesMax = 40
    /// Between two looks of one who only looks, in microseconds.
    private static let lookTime: Int64 = 25_000
    /// How long it waits for an answer.
    private static let lookPatience: Int64 = 300_000

    let endpoint: UInt64
    unowned let world: World
    /// Where each shard's leader was last.
    var leaders: [ShardID: NodeID] = [:]
    private(set) var isFinishing = false
    private(set) var isBusy = false
    private var said = 0
    private let readPercent: Int
    /// The node where it only looks, all the time, as a desk that is connected there does.
    let home: NodeID?

    init(_ endpoint: UInt64, _ world: World, home: NodeID? = nil) {
        self.endpoint = endpoint
        self.world = world
        self.home = home
        readPercent = world.pick(world.options.readPercents)
    }

    func start() { rest() }

    /// Begins nothing new.
    func finish() { isFinishing = true }

    func rest() {
        isBusy = false
        let thinkTime = home == nil ? world.options.thinkTime : Self.lookTime
        world.plan(after: world.draw(0...2 * thinkTime)) { [self] in
            if !isFinishing { act() }
        }
    }

    private func act() {
        isBusy = true
        let ids = world.book.caseIDs
        if home != nil { return look(ids) }
        if ids.isEmpty || ids.count < Self.casesMax && world.chance(12) {
            return world.chance(25) ? submitMail() : create()
        }
        if world.chance(3) { return submitMail() }
        let id = ids[
            ids.count - 1 - Int(world.draw(0...Int64(min(ids.count, world.options.hotCases)) - 1))
        ]
        if world.chance(readPercent) {
            return read(id, until: world.now + 3_000_000) { [self] _ in rest() }
        }
        if world.chance(4), reuseKey() { return }
        let command = Conversation.command(on: id, words: nextWords(), world)
        perform(command, key: key())
    }

    private func look(_ ids: [CaseID]) {
        guard let id = ids.suffix(world.options.hotCases).randomElement(using: &world.random) else {
            return rest()
        }
        read(id, until: world.now + Self.lookPatience) { [self] _ in rest() }
    }

    /// How long an answer is waited for before somebody else is asked.
    func attemptTime() -> Int64 {
        home == nil || world.isHealing
            ? world.draw(world.options.attemptTime) : Self.lookPatience
    }

    func nextWords() -> String {
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

    /// The shard that a new case's key chooses.
    func home(of scope: IdempotencyScope) -> ShardID {
        ShardID(UInt16(scope.digest.prefix64 % UInt64(world.options.shards)))
    }

    private func create() {
        perform(Conversation.creation(words: nextWords(), world), key: key())
    }

    private func perform(_ command: CaseCommand, key: String) {
        let scope = scope(command, key)
        let shard = command.target?.shard ?? home(of: scope)
        let from = Int64(world.steps)
        let patience: Int64 =
            world.isHealing ? 60_000_000 : world.pick([400_000, 3_000_000, 9_000_000])
        attempt(shard, until: world.now + patience, .onCase(command, scope)) { [self] reply in
            switch reply {
            case .result(let result):
                if command.target == nil {
                    guard case .accepted(let receipt) = result else {
                        world.fail("a creation is answered with \(result)")
                        return
                    }
                    world.book.created(receipt, command, key: scope.digest, from: from)
                    world.book.settled(scope, command)
                    return lookBack(receipt.id)
                }
                if let id = command.target {
                    world.book.note(id, .command(command), world.book.output(result, of: id), from)
                    world.book.settled(scope, command)
                    return lookBack(id)
                }
            default:
                if let id = command.target {
                    world.book.note(id, .command(command), nil, from, scope: scope)
                }
            }
            rest()
        }
    }

    /// Whoever has done something may look at it at once, wherever they are.
    private func lookBack(_ id: CaseID) {
        guard !isFinishing, world.chance(world.options.readBackPercent) else { return rest() }
        read(id, until: world.now + 3_000_000) { [self] _ in rest() }
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
        attempt(id.shard, until: world.now + 2_000_000, .onCase(command, scope)) { [self] reply in
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
        ask(id.shard, until: deadline, Look(id: id)) { [self] reply in
            if case .seen(let view) = reply {
                world.coverage[.readServed] += 1
                world.book.note(id, .read, .seen(view), from)
                done(true)
            } else {
                done(false)
            }
        }
    }
}
