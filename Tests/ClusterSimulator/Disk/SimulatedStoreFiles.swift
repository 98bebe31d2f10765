import CaseStore
import DiskSimulator

/// The snapshot installer's view of a simulated disk.
///
/// `@unchecked Sendable`: the simulated world has one thread.
public struct SimulatedStoreFiles: StoreFiles, @unchecked Sendable {
    private let disk: SimulatedDisk
    private let life: UInt64

    /// Of the machine's present life.
    package init(_ disk: SimulatedDisk) {
        self.disk = disk
        life = disk.life
    }

    /// The names directly in a directory, sorted by their bytes.
    public func names(in directory: String) throws(StoreError) -> [String] {
        try translating { () throws(DiskFault) in
            try disk.check(life)
            return disk.names(in: directory)
        }
    }

    /// Removes a file; none is fine.
    public func remove(_ path: String) throws(StoreError) {
        try translating { () throws(DiskFault) in
            do throws(DiskFault) {
                try disk.remove(path, life)
            } catch {
                guard error == .missing else { throw error }
            }
        }
    }

    /// Gives a file another name.
    public func rename(_ path: String, to other: String) throws(StoreError) {
        try translating { () throws(DiskFault) in try disk.rename(path, to: other, life) }
    }

    /// Makes a file's content durable.
    public func syncFile(_ path: String) throws(StoreError) {
        try translating { () throws(DiskFault) in
            try disk.sync(try disk.inode(path, life), life)
        }
    }

    /// Makes names durable.
    public func syncDirectory(_ path: String) throws(StoreError) {
        try translating { () throws(DiskFault) in try disk.syncNames(life) }
    }

    private func translating<Value>(
        _ body: () throws(DiskFault) -> Value
    ) throws(StoreError) -> Value {
        do {
            return try body()
        } catch {
            if error == .full { throw .diskFull }
            throw .inputOutput(code: 5, message: "simulated: \(error)")
        }
    }
}
