import ClusterPrimitives

/// All that will be done to a cluster, drawn from a seed before anything starts. A pure value: the same seed
/// and settings give the same plan, whatever the cluster does.
///
/// What it never asks for, because the product does not promise to survive it:
/// - the durable data of a majority lost: one disk is wiped at a time, and its replacement is complete
///   before the next one goes (the performer waits for that). Unsynced data may go everywhere at once;
/// - the clocks of a majority wrong at once: one clock is.
public struct FaultPlan: Hashable, Codable, Sendable {
    /// What a plan is drawn for.
    public struct Settings: Hashable, Codable, Sendable {
        /// Of everything that is drawn.
        public var seed: UInt64
        /// For how long, in milliseconds.
        public var lasts: Int
        /// How many nodes.
        public var nodes: Int
        /// Which faults.
        public var kinds: [FaultKind]

        /// Puts settings together.
        public init(
            seed: UInt64,
            lasts: Int,
            nodes: Int = 3,
            kinds: [FaultKind] = FaultKind.allCases
        ) {
            self.seed = seed
            self.lasts = lasts
            self.nodes = nodes
            self.kinds = kinds
        }
    }

    /// What it was drawn for.
    public let settings: Settings
    /// In the order of their beginnings.
    public let faults: [PlannedFault]

    /// Faults that run at the same time, at most: with more there is hardly any service left to look at.
    static let togetherMax = 3
    /// Without a fault before the next one begins, in milliseconds.
    static let pauseMilliseconds = 300...2_500
    /// Of so many faults one begins while others run.
    static let percentTogether = 55

    /// What comes twice a round: it alone lets a leader that others have replaced answer as if it still led.
    static let twice: Set<FaultKind> = [.suspend]

    /// So long after a fault of a node the node is one of three again, in milliseconds.
    static let recovery = 2_000

    /// Draws a plan.
    public init(_ settings: Settings) {
        self.settings = settings
        var drawing = Drawing(settings)
        faults = drawing.run()
    }

    private init(settings: Settings, faults: [PlannedFault]) {
        self.settings = settings
        self.faults = faults
    }

    /// What begins in a window, in milliseconds of this plan, as a plan of its own that begins with the window.
    public func piece(_ window: Range<Int>) -> FaultPlan {
        var faults = faults.filter { window.contains($0.startsAt) }
        for place in faults.indices {
            faults[place].number = place
            faults[place].startsAt -= window.lowerBound
        }
        var settings = settings
        settings.lasts = max(window.count, faults.map(\.endsAt).max() ?? 0)
        return FaultPlan(settings: settings, faults: faults)
    }

    /// How often each kind is in it.
    public var counts: [FaultKind: Int] {
        faults.reduce(into: [:]) { $0[$1.kind, default: 0] += 1 }
    }

    /// Whether the process that starts at a position at that time loses its unsynced data in the end: it
    /// is started on a disk that forgets.
    func losesUnsynced(slot: Int, from time: Int) -> Bool {
        let next = faults.first {
            $0.kind.stopsProcess && $0.slots.contains(slot) && $0.startsAt >= time
        }
        return next?.kind.losesUnsynced ?? false
    }
}

/// Draws one fault after the other.
private struct Drawing {
    let settings: FaultPlan.Settings
    var random: SeededGenerator
    var faults: [PlannedFault] = []
    /// Kinds of the round that is being dealt: each comes at least once a round, so that none is met rarely.
    var hand: [FaultKind] = []

    init(_ settings: FaultPlan.Settings) {
        self.settings = settings
        random = SeededGenerator(seed: settings.seed)
    }

    mutating func run() -> [PlannedFault] {
        guard !settings.kinds.isEmpty else { return [] }
        var time = Int.random(in: FaultPlan.pauseMilliseconds, using: &random)
        while let fault = draw(at: time), fault.endsAt <= settings.lasts {
            faults.append(fault)
            let isTogether = Int.random(in: 0..<100, using: &random) < FaultPlan.percentTogether
            let pause = Int.random(in: FaultPlan.pauseMilliseconds, using: &random)
            time = isTogether ? time + pause : max(time, busyUntil) + pause
        }
        faults.sort { ($0.startsAt, $0.number) < ($1.startsAt, $1.number) }
        for number in faults.indices { faults[number].number = number }
        return faults
    }

    private var busyUntil: Int { faults.map(\.endsAt).max() ?? 0 }

    /// The next fault at or after a time; nil where none fits before the end.
    private mutating func draw(at time: Int) -> PlannedFault? {
        if hand.isEmpty {
            let again = settings.kinds.filter { FaultPlan.twice.contains($0) }
            hand = (settings.kinds + again).shuffled(using: &random)
        }
        let kind = hand.removeLast()
        var fault = PlannedFault(
            number: faults.count,
            kind: kind,
            startsAt: time,
            lasts: Int.random(in: kind.lastsMilliseconds, using: &random),
            slots: slots(for: kind),
            strength: strength(of: kind)
        )
        while let conflict = conflict(with: fault) {
            let recovery = conflict.disturbs(fault) ? FaultPlan.recovery : 0
            fault.startsAt = conflict.endsAt + recovery + 1
            guard fault.endsAt <= settings.lasts else { return nil }
        }
        return fault
    }

    /// Something that runs then and does not go with it.
    private func conflict(with fault: PlannedFault) -> PlannedFault? {
        let running = faults.filter {
            $0.startsAt <= fault.endsAt && $0.endsAt >= fault.startsAt
        }
        if let alone = faults.first(where: { $0.disturbs(fault) }) { return alone }
        if running.count >= FaultPlan.togetherMax { return running.min { $0.endsAt < $1.endsAt } }
        return running.first { other in
            guard other.kind.means == fault.kind.means else { return false }
            // Of clocks, cuts and qualities one at a time in the whole cluster; the rest node by node.
            switch fault.kind.means {
            case .clock, .cuts, .quality: return true
            case .process, .disk: return !Set(other.slots).isDisjoint(with: fault.slots)
            }
        }
    }

    private mutating func slots(for kind: FaultKind) -> [Int] {
        let all = Array(0..<settings.nodes).shuffled(using: &random)
        switch kind {
        case .killAll, .powerCutAll: return all.sorted()
        case .cutHalves: return Array(all.prefix(settings.nodes / 2)).sorted()
        case .cutOneWay, .bridge: return Array(all.prefix(2))
        case .delay, .jitter, .loss:
            return Array(all.prefix(Int.random(in: 1...settings.nodes, using: &random))).sorted()
        default: return [all[0]]
        }
    }

    private mutating func strength(of kind: FaultKind) -> Int {
        switch kind {
        case .delay: Int.random(in: 20...250, using: &random)
        case .jitter: Int.random(in: 20...400, using: &random)
        case .loss: Int.random(in: 2...20, using: &random)
        case .diskSlow: Int.random(in: 20...600, using: &random)
        case .clockJump:
            Int.random(in: 1_000...3_600_000, using: &random)
                * (Bool.random(using: &random) ? 1 : -1)
        case .clockDrift:
            Int.random(in: 10...500, using: &random) * (Bool.random(using: &random) ? 1 : -1)
        default: 0
        }
    }
}
