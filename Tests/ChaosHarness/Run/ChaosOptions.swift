/// What a run is asked for.
public struct ChaosOptions: Sendable {
    /// Of the plan of faults, of the loads and of the links.
    public var seed: UInt64
    /// For how long faults are made, in milliseconds.
    public var lasts: Int
    /// Of the plan only what begins in this window, in milliseconds of the plan; nil for all of it.
    public var piece: Range<Int>?
    /// 3 or 5.
    public var nodes = 3
    /// Few, so that each of them sees much; enough that every node leads some.
    public var shards = 8
    /// Which faults.
    public var faults: [FaultKind] = FaultKind.allCases
    /// Where nodes live.
    public var hosts = ChaosHosts.best
    /// Which workloads.
    public var workloads: [WorkloadKind] = WorkloadKind.allCases
    /// A fault built into the nodes on purpose: only a build with them takes one.
    public var deliberate: String?
    /// Ends at the first violation.
    public var stopsAtViolation = false

    /// Puts options together.
    public init(seed: UInt64, lasts: Int) {
        self.seed = seed
        self.lasts = lasts
    }
}

/// Where nodes live.
public enum ChaosHosts: String, CaseIterable, Sendable {
    /// In namespaces where this process may make them, on loopback addresses otherwise.
    case best
    /// In network namespaces, with TLS.
    case namespaces
    /// On one loopback address each, in plain text.
    case loopback
}

/// What clients do.
public enum WorkloadKind: String, CaseIterable, Codable, Sendable {
    /// Compare-and-set on a case's version, and reads.
    case register
    /// Appends to a case, and reads of all of it.
    case append
    /// A set of creations, some told again much later.
    case create
    /// All actions by all roles.
    case lifecycle
    /// Cases that the coordinator closes and archives.
    case timers
    /// Feeds that are followed, broken off and resumed.
    case feed
}
