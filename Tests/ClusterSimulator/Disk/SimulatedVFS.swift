import DiskSimulator
import GRDBSQLite
import Synchronization

/// SQLite's view of simulated disks: a VFS of its own, registered once for the process under `name`.
///
/// A path's first component names the machine (`/machine/…`); machines are mounted and unmounted. A handle
/// belongs to the life of the machine in which it was opened, so that connections that outlive a crash
/// can't write any more.
public enum SimulatedVFS {
    /// What `StoreLocation` names.
    public static let name = "casecluster-simulated"

    /// The mounted machines. The lock is for tests that run beside each other; a world has one thread.
    private static let mounts = Mutex<[String: Mounted]>([:])

    /// `@unchecked Sendable`: only looked up here; a disk is used by its world's thread alone.
    private struct Mounted: @unchecked Sendable {
        let disk: SimulatedDisk
    }

    /// Registered with SQLite, for ever.
    private static let registration: Int32 = {
        let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        vfs.initialize(to: makeVFS())
        return sqlite3_vfs_register(vfs, 0)
    }()

    /// Mounts a machine's disk. Paths below `/machine` are its.
    package static func mount(_ disk: SimulatedDisk, as machine: String) {
        precondition(registration == SQLITE_OK, "SQLite takes another VFS")
        let mounted = Mounted(disk: disk)
        mounts.withLock { $0[machine] = mounted }
    }

    /// Takes a machine away.
    public static func unmount(_ machine: String) {
        _ = mounts.withLock { $0.removeValue(forKey: machine) }
    }

    static func disk(of path: String) -> SimulatedDisk? {
        guard let machine = path.split(separator: "/", maxSplits: 1).first else { return nil }
        return mounts.withLock { $0[String(machine)] }?.disk
    }

    // MARK: The table of functions

    private static func makeVFS() -> sqlite3_vfs {
        var vfs = sqlite3_vfs()
        vfs.iVersion = 2
        vfs.szOsFile = Int32(MemoryLayout<SimulatedVFSFile.Header>.size)
        vfs.mxPathname = 512
        // SQLite keeps the pointer: never freed, as the registration is never undone.
        let count = name.utf8.count + 1
        let characters = UnsafeMutablePointer<CChar>.allocate(capacity: count)
        for (index, byte) in name.utf8.enumerated() { characters[index] = CChar(bitPattern: byte) }
        characters[count - 1] = 0
        vfs.zName = UnsafePointer(characters)
        vfs.xOpen = { _, path, file, flags, outFlags in
            SimulatedVFSFile.open(path, file, flags, outFlags)
        }
        vfs.xDelete = { _, path, syncsDirectory in SimulatedVFS.delete(path, syncsDirectory != 0) }
        vfs.xAccess = { _, path, _, result in SimulatedVFS.access(path, result) }
        vfs.xFullPathname = { _, path, size, out in
            guard let path, let out else { return SQLITE_CANTOPEN }
            let text = String(cString: path)
            guard text.utf8.count < Int(size) else { return SQLITE_CANTOPEN }
            for (index, byte) in text.utf8.enumerated() { out[index] = CChar(bitPattern: byte) }
            out[text.utf8.count] = 0
            return SQLITE_OK
        }
        vfs.xRandomness = { _, count, out in
            // Nothing that is stored depends on it beyond salts.
            guard let out else { return 0 }
            for index in 0..<Int(count) { out[index] = CChar(truncatingIfNeeded: index &* 37) }
            return count
        }
        // One thread: nobody could leave while this one sleeps.
        vfs.xSleep = { _, microseconds in microseconds }
        vfs.xCurrentTime = { _, out in
            out?.pointee = 2_460_000.5
            return SQLITE_OK
        }
        vfs.xCurrentTimeInt64 = { _, out in
            out?.pointee = 212_544_043_200_000
            return SQLITE_OK
        }
        vfs.xGetLastError = { _, _, _ in 0 }
        return vfs
    }

    private static func delete(_ path: UnsafePointer<CChar>?, _ syncsDirectory: Bool) -> Int32 {
        guard let path else { return SQLITE_IOERR_DELETE }
        let text = String(cString: path)
        guard let disk = disk(of: text) else { return SQLITE_IOERR_DELETE }
        do {
            try disk.remove(text, disk.life)
            if syncsDirectory { try disk.syncNames(disk.life) }
            return SQLITE_OK
        } catch {
            return error == .missing ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE
        }
    }

    private static func access(
        _ path: UnsafePointer<CChar>?,
        _ result: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        guard let path else { return SQLITE_IOERR_ACCESS }
        let text = String(cString: path)
        guard let disk = disk(of: text), !disk.isOff else { return SQLITE_IOERR_ACCESS }
        // As the system's does: a file without content counts as none.
        result?.pointee = disk.bytes(text).isEmpty ? 0 : 1
        return SQLITE_OK
    }
}
