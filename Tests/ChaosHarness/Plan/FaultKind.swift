/// What a plan can do to a cluster.
public enum FaultKind: String, CaseIterable, Codable, Sendable {
    // Processes.
    /// `kill -9` of one node; what it wrote stays in the page cache.
    case kill
    /// `kill -9` of one node; what it had not synced is gone.
    case powerCut = "power-cut"
    /// SIGSTOP, and SIGCONT later.
    case pause
    /// SIGSTOP, and SIGCONT later, as a machine is suspended: clients reach the node at once when it goes on, the
    /// other nodes do after a while.
    case suspend
    /// SIGTERM, a clean end, and a start.
    case restart
    /// `kill -9` of all nodes at once.
    case killAll = "kill-all"
    /// `kill -9` of all nodes at once; what they had not synced is gone.
    case powerCutAll = "power-cut-all"

    // Links between nodes.
    /// One node hears no other and is heard by none; clients still reach it.
    case cutNode = "cut-node"
    /// Two parts that do not hear each other.
    case cutHalves = "cut-halves"
    /// One node is not heard by another, and hears it.
    case cutOneWay = "cut-one-way"
    /// Two nodes do not hear each other; all others hear both.
    case bridge
    /// A node's links go away and come back again and again.
    case flap

    // Links of any kind, clients' too.
    /// Every byte is late.
    case delay
    /// Every byte is late by another time.
    case jitter
    /// Pieces are held back as if lost and sent again; some connections are reset.
    case loss

    // Clocks.
    /// One node's wall clock jumps, and later back.
    case clockJump = "clock-jump"
    /// One node's wall clock runs too fast or too slowly, and is set right later.
    case clockDrift = "clock-drift"

    // Disks.
    /// One node's disk takes no more bytes.
    case diskFull = "disk-full"
    /// One node's syncs take long.
    case diskSlow = "disk-slow"
    /// One node's syncs fail; it has to stop, with the exit code that says so.
    case syncFails = "sync-fails"
    /// One node loses its disk, and is replaced by a new one under a new id.
    case wipe

    /// What each group of a command line stands for.
    public static let groups: [String: [FaultKind]] = [
        "processes": [
            .kill, .powerCut, .pause, .suspend, .restart, .killAll, .powerCutAll,
        ],
        "links": [.cutNode, .cutHalves, .cutOneWay, .bridge, .flap, .delay, .jitter, .loss],
        "clocks": [.clockJump, .clockDrift],
        "disks": [.diskFull, .diskSlow, .syncFails, .wipe],
        "all": allCases,
    ]

    /// Ends a node's process while it lasts.
    var stopsProcess: Bool {
        switch self {
        case .kill, .powerCut, .restart, .killAll, .powerCutAll, .wipe: true
        default: false
        }
    }

    /// What was not synced is lost with the process.
    var losesUnsynced: Bool { self == .powerCut || self == .powerCutAll }

    /// May end a node's process with the exit code of a failed disk.
    var mayFailDisk: Bool { self == .diskFull || self == .syncFails }

    /// A node may be away while it lasts.
    var mayEndNode: Bool { means == .process || mayFailDisk || self == .diskSlow }

    /// What it meddles with: of two faults with the same one no node has both at once.
    var means: Means {
        switch self {
        case .kill, .powerCut, .restart, .killAll, .powerCutAll, .wipe, .pause, .suspend: .process
        case .cutNode, .cutHalves, .cutOneWay, .bridge, .flap: .cuts
        case .delay, .jitter, .loss: .quality
        case .clockJump, .clockDrift: .clock
        case .diskFull, .diskSlow, .syncFails: .disk
        }
    }

    enum Means: Hashable { case process, cuts, quality, clock, disk }

    /// How long it lasts, in milliseconds; where it takes as long as it takes, at least.
    var lastsMilliseconds: ClosedRange<Int> {
        switch self {
        case .kill, .powerCut: 500...4_000
        case .restart: 0...0
        case .killAll, .powerCutAll: 200...1_500
        case .pause: 1_000...10_000
        case .suspend: 2_000...8_000
        case .cutNode, .cutHalves, .cutOneWay, .bridge: 2_000...12_000
        case .flap: 4_000...10_000
        case .delay, .jitter, .loss: 4_000...12_000
        case .clockJump, .clockDrift: 4_000...12_000
        case .diskFull, .syncFails: 2_000...6_000
        case .diskSlow: 3_000...8_000
        case .wipe: 1_000...3_000
        }
    }
}
