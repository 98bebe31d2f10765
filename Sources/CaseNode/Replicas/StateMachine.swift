import CaseStore
import ClusterPrimitives
import RaftCore

/// A committed entry, as a state machine takes it.
struct MachineEntry: Sendable {
    var entry: Entry
    /// The membership from here on; nil where the entry leaves it.
    var configuration: Configuration?
}

/// What a replica applies its entries to. Every call but `encode` and the views runs on the replica's store lane.
protocol StateMachine: Sendable {
    associatedtype Command: Sendable
    associatedtype Answer: Sendable

    /// The last applied entry, and its term: what the store holds when the node starts.
    var applied: SnapshotID { get }
    /// The highest time that was applied. Stamps start there.
    var time: Timestamp { get }
    /// Its file, where it can be copied and replaced; nil for one that can't.
    var file: (any MachineFile)? { get }

    /// The command with its stamp, as the log carries it. On the replica's event loop.
    func encode(_ command: Command, at: Timestamp) -> [UInt8]

    /// Applies, the applied index and the membership with it, and answers for each entry; nil for a leader's empty
    /// one and for a change of the membership. Readers may not see it before `commit`: until then a failure of
    /// either undoes everything since the last one.
    /// An error other than a full disk stops the node: nothing after it may be applied.
    func apply(_ entries: [MachineEntry]) throws -> [Answer?]

    /// Lets readers see everything that was applied, all of it or nothing.
    func commit() throws

    /// Whether somebody waits for every change, so that nothing should be put off.
    var isCommitWanted: Bool { get }

    /// Makes what was applied durable in the store itself. On the checkpoint thread, beside `apply`.
    /// - Returns: the index that is durable now, or nil if the checkpoint could not finish.
    func checkpoint() throws -> LogIndex?
}

/// A state machine's file.
protocol MachineFile: Sendable {
    /// What puts another file in its place.
    var installer: SnapshotInstaller { get }

    /// The last entry that it has applied.
    var applied: SnapshotID { get }

    /// The membership that it keeps with the applied index, encoded; empty before the first change.
    var membership: [UInt8] { get }

    /// Copies it, as one snapshot, to a place where there is none. Beside `apply`, on the snapshot thread.
    func copy(to place: StoreLocation) throws -> SnapshotInfo

    /// Closes it, lets `swap` put another in its place, and opens that. On the store's lane. Reads that run
    /// are waited for; they have a maximum age.
    func replace(_ swap: () throws -> Void) throws
}

extension Configuration {
    /// What a store keeps of a membership; nil for nothing.
    /// - Throws: `DecodingFault`: the store is damaged.
    init?(stored bytes: [UInt8]) throws(DecodingFault) {
        guard !bytes.isEmpty else { return nil }
        try self.init(decoding: bytes)
    }
}
