import CaseModel
import ClusterPrimitives

@testable import CoordinatorCore

/// A system group, its shards and its coordinators, on one clock and from one seed.
///
/// Messages take a few ticks; when `isFaulty`, they and their answers get lost, and a coordinator
/// that was deposed goes on for a while, as one that woke from a stall does.
struct CoordinatorSimulation {
    static let tickMilliseconds: Int64 = 100
    private static let tellTicksMax = PlannerLimits.tellMillisecondsMax / tickMilliseconds

    private enum Delivery {
        case tell(ShardID, ShardCommand, Errand)
        case propose(SystemCommand, Errand)
        case event(CoordinatorEvent)
    }

    var random: SeededGenerator
    var cluster: TestCluster
    var shards: [SimulatedShard]
    var zone = ZoneRules.utc
    var isFaulty = false
    var pageMax = 500
    /// Milliseconds since the start: what really passed.
    var trueTime: Int64 = 0
    /// What the present leader's clock is off by, in milliseconds.
    var clockError: Int64 = 0
    /// By term; the last one is the present one unless `isLeaderless`.
    private(set) var coordinators: [(term: Term, value: Coordinator)] = []
    private(set) var isLeaderless = true
    private var deliveries: [(atTime: Int64, term: Term, delivery: Delivery)] = []
    private(set) var outMax = 0
    private(set) var stopped = 0

    init(seed: UInt64, shardCount: Int, schedule: String = "02:00", zone: ZoneRules = .utc) {
        random = SeededGenerator(seed: seed)
        cluster = TestCluster.founded(shards: UInt32(shardCount))
        cluster.must(.setSettings([NamedValue("night", schedule)]))
        shards = [SimulatedShard](repeating: SimulatedShard(), count: shardCount)
        self.zone = zone
    }

    /// The time stamped on what is proposed now; never falls.
    var now: Timestamp {
        let clock = TestCluster.start + TimeSpan(milliseconds: trueTime + clockError)
        return max(cluster.state.now, clock)
    }

    var isQuiet: Bool { deliveries.isEmpty }

    // MARK: Leaders

    /// The next term's leader begins to coordinate. The one before goes on until it hears of it.
    mutating func elect() {
        cluster.term = cluster.term.next
        apply(.beginEpoch(cluster.epoch))
        let coordinator = Coordinator(epoch: cluster.epoch, shardCount: shards.count)
        coordinators.append((cluster.term, coordinator))
        isLeaderless = false
    }

    /// Nobody leads. The one before may not know.
    mutating func depose(forgets: Bool) {
        isLeaderless = true
        if forgets { coordinators = [] }
    }

    // MARK: Shards

    /// A case is resolved; a due time that moved earlier is announced.
    mutating func addCase(to position: Int, dueAt: Timestamp) {
        let known = shards[position].firstDue
        shards[position].cases.append(SimulatedShard.Case(dueAt: dueAt))
        guard known.map({ dueAt < $0 }) ?? true, let present = coordinators.last else { return }
        if isFaulty, chance(10) { return }
        deliver(.event(.dueAt(ShardID(UInt16(position)), dueAt)), to: present.term)
    }

    @discardableResult
    mutating func apply(_ command: SystemCommand) -> SystemResult {
        cluster.now = now
        return cluster.apply(command)
    }

    // MARK: Time

    /// A tenth of a second passes.
    mutating func tick() {
        trueTime += Self.tickMilliseconds
        let due = deliveries.filter { $0.atTime <= trueTime }
        deliveries.removeAll { $0.atTime <= trueTime }
        for (_, term, delivery) in due { perform(delivery, from: term) }
        for term in coordinators.map(\.term) {
            step(.tick(now: now, state: cluster.state, zone: zone), at: term)
        }
        outMax = max(outMax, deliveries.count)
    }

    mutating func run(milliseconds: Int64) {
        for _ in 0..<(milliseconds / Self.tickMilliseconds) { tick() }
    }

    private mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }

    private mutating func deliver(_ delivery: Delivery, to term: Term) {
        var ticks = Int64.random(in: 1...2, using: &random)
        if isFaulty, chance(5) {
            // A command that is late is not proposed any more; anything else may come long after.
            if case .tell = delivery { ticks = Self.tellTicksMax } else { ticks = 40 }
        }
        deliveries.append((trueTime + ticks * Self.tickMilliseconds, term, delivery))
    }

    private mutating func step(_ event: CoordinatorEvent, at term: Term) {
        guard let position = coordinators.firstIndex(where: { $0.term == term }) else { return }
        for effect in coordinators[position].value.step(event) {
            switch effect {
            case .tell(let shard, let command, let errand):
                if !(isFaulty && chance(10)) { deliver(.tell(shard, command, errand), to: term) }
            case .propose(let command, let errand):
                if !(isFaulty && chance(10)) { deliver(.propose(command, errand), to: term) }
            case .stop:
                stopped += 1
                coordinators.removeAll { $0.term == term }
            }
        }
    }

    private mutating func perform(_ delivery: Delivery, from term: Term) {
        switch delivery {
        case .event(let event):
            step(event, at: term)
        case .tell(let shard, let command, let errand):
            var answer = ShardAnswer.failed
            if !(isFaulty && chance(5)) {
                let result = shards[Int(shard.rawValue)].apply(
                    command,
                    now: now,
                    trueTime: trueTime,
                    pageMax: pageMax
                )
                answer = ShardAnswer(result)
            }
            if !(isFaulty && chance(10)) {
                deliver(.event(.shardAnswered(errand, answer)), to: term)
            }
        case .propose(let command, let errand):
            var answer = ProposalAnswer.failed
            // Without a leader nothing commits; with a later one it does, under that one's term.
            if !isLeaderless, !(isFaulty && chance(5)) { answer = ProposalAnswer(apply(command)) }
            if !(isFaulty && chance(10)) {
                deliver(.event(.proposalAnswered(errand, answer)), to: term)
            }
        }
    }
}
