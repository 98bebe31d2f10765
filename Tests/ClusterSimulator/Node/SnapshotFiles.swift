import CaseStore
import ClusterPrimitives
import DiskSimulator
import RaftCore

/// The files of one replica's snapshots, as the server keeps them: copies for others, and the one that is
/// coming in.
final class SnapshotFiles {
    private let installer: SnapshotInstaller
    private var outgoing: [SnapshotID: StoreLocation] = [:]
    private var copies: UInt64 = 0
    private var isReceiving = false

    init(_ location: StoreLocation, _ kind: StoreKind, _ files: SimulatedStoreFiles) {
        installer = SnapshotInstaller(location: location, kind: kind, files: files)
    }

    /// Copies a store; nil if that did not come about, which is no reason to stop.
    func make<Machine: SimulatedMachine>(
        _ machine: Machine
    ) throws(StoreError) -> SnapshotInfo? {
        copies += 1
        let place = try installer.outgoing(copies)
        do throws(StoreError) {
            let info = try machine.copy(to: place)
            let id = SnapshotID(index: info.index, term: info.term)
            if outgoing[id] == nil {
                outgoing[id] = place
            } else {
                try installer.removeOutgoing(place)
            }
            return info
        } catch {
            switch error {
            case .diskFull, .busy, .readerTooOld:
                try installer.removeOutgoing(place)
                return nil
            default: throw error
            }
        }
    }

    func path(of id: SnapshotID) -> String? { outgoing[id]?.path }

    func drop(_ id: SnapshotID) throws(StoreError) {
        if let place = outgoing.removeValue(forKey: id) { try installer.removeOutgoing(place) }
    }

    /// Where to write what comes in; nil if something is coming in already.
    func begin() throws(StoreError) -> String? {
        guard !isReceiving else { return nil }
        isReceiving = true
        return try installer.begin()
    }

    /// Checks what came and makes it durable; false if it is of no use and was removed.
    func prepare<Machine: SimulatedMachine>(
        _ snapshot: Snapshot,
        _ machine: Machine
    ) throws(StoreError) -> Bool {
        let expected = SnapshotInfo(index: snapshot.id.index, term: snapshot.id.term)
        do throws(StoreError) {
            let prepared = try installer.prepare(expected, over: machine.applied.index)
            guard let found = prepared else { return true }
            if found.configuration.isEmpty { return true }
            if found.configuration == snapshot.configuration.encodedBytes { return true }
            try discard(snapshot.id)
            return false
        } catch {
            switch error {
            case .foreignFile, .wrongShard, .newerFormat, .corrupt, .diskFull:
                try abandon()
                return false
            default: throw error
            }
        }
    }

    func discard(_ id: SnapshotID) throws(StoreError) {
        try installer.discard(SnapshotInfo(index: id.index, term: id.term))
        isReceiving = false
    }

    func abandon() throws(StoreError) {
        try installer.abandon()
        isReceiving = false
    }

    /// Puts the prepared file in the store's place.
    func install<Machine: SimulatedMachine>(
        _ id: SnapshotID,
        _ machine: Machine
    ) throws(StoreError) {
        try machine.replace { () throws(StoreError) in
            try installer.swap(SnapshotInfo(index: id.index, term: id.term))
        }
        isReceiving = false
    }
}
