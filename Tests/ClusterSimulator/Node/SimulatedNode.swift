import ClusterPrimitives
import DiskSimulator

/// One machine: its disk and its clocks outlive the processes that run on it.
final class SimulatedNode {
    enum State: Equatable {
        case up
        case down
        /// Its log was damaged: it must never come back under this id.
        case lost
    }

    let id: NodeID
    /// The first component of all its paths.
    let machine: String
    let disk = SimulatedDisk()
    var clock: SimulatedClock
    /// How long its ticks are, of what they should be.
    var tickFactor = 1.0
    /// How long its disk and its store take, of what they should.
    var workFactor = 1.0
    var state = State.down
    var process: NodeProcess?
    /// A bit of its log was flipped: it must refuse to start.
    var isDamaged = false
    /// Failed syncs that it has stopped for.
    var failedSyncsSeen: UInt64 = 0

    /// It was there when the cluster was founded; others join with nothing.
    let isFounder: Bool

    init(_ id: NodeID, machine: String, clock: SimulatedClock, isFounder: Bool) {
        self.id = id
        self.isFounder = isFounder
        self.machine = machine
        self.clock = clock
        SimulatedVFS.mount(disk, as: machine)
    }

    deinit { SimulatedVFS.unmount(machine) }

    var logPath: String { "/\(machine)/log" }
    var storePath: String { "/\(machine)/store" }
}
