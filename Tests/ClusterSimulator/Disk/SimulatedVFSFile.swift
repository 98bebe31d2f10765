import DiskSimulator
import GRDBSQLite

/// One open file of the VFS, and the functions that SQLite calls on it.
final class SimulatedVFSFile {
    /// What SQLite allocates for a file: its own part, then a reference to this object.
    struct Header {
        var base: sqlite3_file
        var object: Unmanaged<SimulatedVFSFile>?
    }

    private let disk: SimulatedDisk
    private let inode: SimulatedDisk.Inode
    private let life: UInt64
    private let path: String
    private let holder: UInt64
    /// Of the time when it was opened: a crash gives the file a new one.
    private let sharing: FileSharing
    private let deletesOnClose: Bool
    /// The name is not durable yet: as the system's VFS does, the first sync makes it so.
    private var syncsName: Bool

    private init(
        _ disk: SimulatedDisk,
        _ inode: SimulatedDisk.Inode,
        _ path: String,
        holder: UInt64,
        deletesOnClose: Bool,
        syncsName: Bool
    ) {
        self.disk = disk
        self.inode = inode
        self.path = path
        self.holder = holder
        self.deletesOnClose = deletesOnClose
        self.syncsName = syncsName
        life = disk.life
        sharing = inode.sharing
    }

    // MARK: Opening

    static func open(
        _ path: UnsafePointer<CChar>?,
        _ file: UnsafeMutablePointer<sqlite3_file>?,
        _ flags: Int32,
        _ outFlags: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        guard let file else { return SQLITE_CANTOPEN }
        file.pointee.pMethods = nil
        // Temporary files have no name; the stores keep theirs in memory.
        guard let path else { return SQLITE_CANTOPEN }
        let text = String(cString: path)
        guard let disk = SimulatedVFS.disk(of: text) else { return SQLITE_CANTOPEN }
        do {
            let inode: SimulatedDisk.Inode
            var isNew = false
            if let found = disk.names[text] {
                try disk.check(disk.life)
                guard flags & SQLITE_OPEN_EXCLUSIVE == 0 else { return SQLITE_CANTOPEN }
                inode = found
            } else {
                guard flags & SQLITE_OPEN_CREATE != 0 else { return SQLITE_CANTOPEN }
                inode = try disk.create(text, disk.life)
                isNew = true
            }
            let journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL
            let object = SimulatedVFSFile(
                disk,
                inode,
                text,
                holder: disk.nextHolder(),
                deletesOnClose: flags & SQLITE_OPEN_DELETEONCLOSE != 0,
                syncsName: isNew && flags & journals != 0
            )
            UnsafeMutableRawPointer(file).assumingMemoryBound(to: Header.self).pointee.object =
                Unmanaged.passRetained(object)
            file.pointee.pMethods = UnsafePointer(methods)
            outFlags?.pointee = flags
            return SQLITE_OK
        } catch {
            return error == .full ? SQLITE_FULL : SQLITE_IOERR
        }
    }

    private static func object(_ file: UnsafeMutablePointer<sqlite3_file>?) -> SimulatedVFSFile? {
        guard let file else { return nil }
        return UnsafeMutableRawPointer(file).assumingMemoryBound(to: Header.self)
            .pointee.object?.takeUnretainedValue()
    }

    private static func close(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Int32 {
        guard let file else { return SQLITE_OK }
        let header = UnsafeMutableRawPointer(file).assumingMemoryBound(to: Header.self)
        guard let reference = header.pointee.object else { return SQLITE_OK }
        header.pointee.object = nil
        let object = reference.takeRetainedValue()
        object.sharing.leave(object.holder)
        guard object.deletesOnClose else { return SQLITE_OK }
        do {
            try object.disk.remove(object.path, object.life)
            return SQLITE_OK
        } catch {
            return SQLITE_IOERR_CLOSE
        }
    }

    // MARK: The table of functions

    /// Shared by all files, for ever.
    nonisolated(unsafe) private static let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
        let table = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        var methods = sqlite3_io_methods()
        methods.iVersion = 2
        methods.xClose = { SimulatedVFSFile.close($0) }
        methods.xRead = { object($0)?.read($1, Int($2), Int($3)) ?? SQLITE_IOERR_READ }
        methods.xWrite = { object($0)?.write($1, Int($2), Int($3)) ?? SQLITE_IOERR_WRITE }
        methods.xTruncate = { object($0)?.truncate(Int($1)) ?? SQLITE_IOERR_TRUNCATE }
        methods.xSync = { file, _ in object(file)?.sync() ?? SQLITE_IOERR_FSYNC }
        methods.xFileSize = { file, out in
            guard let found = object(file) else { return SQLITE_IOERR_FSTAT }
            out?.pointee = sqlite3_int64(found.inode.current.count)
            return found.isAlive ? SQLITE_OK : SQLITE_IOERR_FSTAT
        }
        methods.xLock = { object($0)?.lock($1) ?? SQLITE_IOERR_LOCK }
        methods.xUnlock = { file, level in
            guard let found = object(file) else { return SQLITE_IOERR_UNLOCK }
            found.sharing.unlock(FileSharing.Level(rawValue: level) ?? .none, by: found.holder)
            return SQLITE_OK
        }
        methods.xCheckReservedLock = { file, out in
            out?.pointee = object(file)?.sharing.isReserved == true ? 1 : 0
            return SQLITE_OK
        }
        methods.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
        methods.xSectorSize = { _ in Int32(SimulatedDisk.sectorBytes) }
        // Nothing is promised: neither that appends are safe nor that a torn sector spares its neighbours.
        methods.xDeviceCharacteristics = { _ in 0 }
        methods.xShmMap = { file, region, bytes, mayExtend, out in
            guard let found = object(file), found.isAlive else { return SQLITE_IOERR_SHMMAP }
            out?.pointee = found.sharing.region(
                Int(region),
                bytes: Int(bytes),
                mayExtend: mayExtend != 0
            )
            return SQLITE_OK
        }
        methods.xShmLock = { object($0)?.lockSlots(Int($1), Int($2), $3) ?? SQLITE_IOERR_SHMLOCK }
        methods.xShmBarrier = { _ in }
        methods.xShmUnmap = { file, _ in
            guard let found = object(file) else { return SQLITE_OK }
            found.sharing.unlockSlots(0..<FileSharing.slotCount, by: found.holder)
            return SQLITE_OK
        }
        table.initialize(to: methods)
        return table
    }()

    private var isAlive: Bool { !disk.isOff && life == disk.life }

    // MARK: Content

    private func read(_ out: UnsafeMutableRawPointer?, _ count: Int, _ offset: Int) -> Int32 {
        guard isAlive, let out else { return SQLITE_IOERR_READ }
        let buffer = UnsafeMutableRawBufferPointer(start: out, count: count)
        let got = inode.read(into: buffer, at: offset)
        guard got < count else { return SQLITE_OK }
        UnsafeMutableRawBufferPointer(rebasing: buffer[got...])
            .initializeMemory(as: UInt8.self, repeating: 0)
        return SQLITE_IOERR_SHORT_READ
    }

    private func write(_ bytes: UnsafeRawPointer?, _ count: Int, _ offset: Int) -> Int32 {
        guard let bytes else { return SQLITE_IOERR_WRITE }
        return code(SQLITE_IOERR_WRITE) { () throws(DiskFault) in
            let buffer = UnsafeRawBufferPointer(start: bytes, count: count)
            try disk.write(buffer, to: inode, at: offset, life)
        }
    }

    private func truncate(_ count: Int) -> Int32 {
        code(SQLITE_IOERR_TRUNCATE) { () throws(DiskFault) in
            try disk.resize(inode, to: count, life)
        }
    }

    private func sync() -> Int32 {
        code(SQLITE_IOERR_FSYNC) { () throws(DiskFault) in
            try disk.sync(inode, life)
            guard syncsName else { return }
            try disk.syncNames(life)
            syncsName = false
        }
    }

    private func code(_ failure: Int32, _ body: () throws(DiskFault) -> Void) -> Int32 {
        do {
            try body()
            return SQLITE_OK
        } catch {
            return error == .full ? SQLITE_FULL : failure
        }
    }

    // MARK: Locks

    private func lock(_ level: Int32) -> Int32 {
        guard isAlive, let wanted = FileSharing.Level(rawValue: level) else {
            return SQLITE_IOERR_LOCK
        }
        return sharing.lock(wanted, by: holder) ? SQLITE_OK : SQLITE_BUSY
    }

    private func lockSlots(_ first: Int, _ count: Int, _ flags: Int32) -> Int32 {
        let range = first..<first + count
        if flags & SQLITE_SHM_UNLOCK != 0 {
            sharing.unlockSlots(range, by: holder)
            return SQLITE_OK
        }
        guard isAlive else { return SQLITE_IOERR_SHMLOCK }
        let exclusively = flags & SQLITE_SHM_EXCLUSIVE != 0
        return sharing.lockSlots(range, exclusively: exclusively, by: holder)
            ? SQLITE_OK : SQLITE_BUSY
    }
}

extension SimulatedDisk {
    /// Names the next holder of locks.
    func nextHolder() -> UInt64 {
        holders += 1
        return holders
    }
}
