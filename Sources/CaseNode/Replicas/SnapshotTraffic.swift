import CaseStore
import ClusterPrimitives
import RaftCore
import ReplicaDriver
import Synchronization

/// The files of one replica's snapshots: copies made for others, and the one that is coming in.
///
/// Copies and checks run on the node's one snapshot thread, so that no more than one disk-long job competes
/// with the stores at a time. Any thread.
final class SnapshotTraffic: Sendable {
    private struct State {
        /// Copies made for others, by the entry that they end with.
        var outgoing: [SnapshotID: StoreLocation] = [:]
        var copies: UInt64 = 0
        /// A snapshot is coming in, being checked, or being installed.
        var isReceiving = false
    }

    private let file: (any MachineFile)?
    private let lane: SerialLane
    private let onFailure: @Sendable (any Error) -> Void
    private let state = Mutex(State())

    /// Without a file nothing is copied and nothing taken.
    init(
        file: (any MachineFile)?,
        lane: SerialLane,
        onFailure: @escaping @Sendable (any Error) -> Void
    ) {
        self.file = file
        self.lane = lane
        self.onFailure = onFailure
    }

    // MARK: For others

    /// Copies the store; nil if that did not come about, which is no reason to stop.
    func make(_ reply: @escaping @Sendable (SnapshotInfo?) -> Void) {
        guard let file else { return reply(nil) }
        let isTaken = lane.submit { [self] in
            let number = state.withLock { state in
                state.copies += 1
                return state.copies
            }
            do {
                let place = try file.installer.outgoing(number)
                reply(try copy(file, to: place))
            } catch {
                onFailure(error)
                reply(nil)
            }
        }
        if !isTaken { reply(nil) }
    }

    private func copy(
        _ file: any MachineFile,
        to place: StoreLocation
    ) throws -> SnapshotInfo? {
        do {
            let info = try file.copy(to: place)
            let id = SnapshotID(index: info.index, term: info.term)
            let isFirst = state.withLock { state in
                guard state.outgoing[id] == nil else { return false }
                state.outgoing[id] = place
                return true
            }
            if !isFirst { try file.installer.removeOutgoing(place) }
            return info
        } catch StoreError.diskFull, StoreError.busy, StoreError.readerTooOld {
            try file.installer.removeOutgoing(place)
            return nil
        }
    }

    /// Where a copy stands.
    func path(of id: SnapshotID) -> String? { state.withLock { $0.outgoing[id]?.path } }

    /// Removes a copy.
    func drop(_ id: SnapshotID) {
        guard let file, let place = state.withLock({ $0.outgoing.removeValue(forKey: id) }) else {
            return
        }
        perform { try file.installer.removeOutgoing(place) }
    }

    // MARK: From others

    /// Where to write what comes in; nil if something is coming in already.
    func begin() -> String? {
        guard let file else { return nil }
        let isFree = state.withLock { state in
            defer { state.isReceiving = true }
            return !state.isReceiving
        }
        guard isFree else { return nil }
        do {
            return try file.installer.begin()
        } catch {
            end()
            onFailure(error)
            return nil
        }
    }

    /// Checks what came and makes it durable; false if it is of no use and was removed.
    func prepare(_ snapshot: Snapshot, _ reply: @escaping @Sendable (Bool) -> Void) {
        perform { [self] in
            guard let file else { return reply(false) }
            do {
                let expected = SnapshotInfo(snapshot)
                let prepared = try file.installer.prepare(expected, over: file.applied.index)
                // It came twice, and the store has gone on: the replica says so to the leader.
                guard let found = prepared else { return reply(true) }
                guard Self.agrees(found, snapshot) else {
                    try file.installer.discard(expected)
                    throw StoreError.corrupt(detail: "a snapshot keeps another membership")
                }
                reply(true)
            } catch let error as StoreError where error.isOfTheFileAlone {
                try file.installer.abandon()
                end()
                reply(false)
            }
        }
    }

    /// What stands in the file is what its sender says; nothing stands there before the first change.
    private static func agrees(_ found: SnapshotInfo, _ snapshot: Snapshot) -> Bool {
        do {
            let kept = try Configuration(stored: found.configuration)
            return kept == nil || kept == snapshot.configuration
        } catch {
            return false
        }
    }

    /// What was prepared is not wanted.
    func discard(_ id: SnapshotID) {
        perform { [self] in
            try file?.installer.discard(SnapshotInfo(index: id.index, term: id.term))
            end()
        }
    }

    /// Nothing comes any more.
    func abandon() {
        perform { [self] in
            try file?.installer.abandon()
            end()
        }
    }

    /// Puts the prepared file in the store's place. On the store's lane; the log durably names it.
    func install(_ id: SnapshotID) throws {
        guard let file else { preconditionFailure("nothing comes in without a file") }
        let installer = file.installer
        try file.replace {
            try installer.swap(SnapshotInfo(index: id.index, term: id.term))
        }
        end()
    }

    private func end() { state.withLock { $0.isReceiving = false } }

    private func perform(_ body: @escaping @Sendable () throws -> Void) {
        // A closed lane means that the node stops: the next start removes what is left.
        lane.submit { [self] in
            do {
                try body()
            } catch {
                onFailure(error)
            }
        }
    }
}

extension SnapshotInfo {
    init(_ snapshot: Snapshot) {
        self.init(index: snapshot.id.index, term: snapshot.id.term)
    }
}

extension StoreError {
    /// The received file is not what was expected: another one may be.
    fileprivate var isOfTheFileAlone: Bool {
        switch self {
        case .foreignFile, .wrongShard, .newerFormat, .corrupt, .diskFull: true
        default: false
        }
    }
}
