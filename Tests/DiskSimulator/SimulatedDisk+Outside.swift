/// For whoever looks at a disk from outside, or damages it at rest.
extension SimulatedDisk {
    /// A disk of its own with what a loss of all unsynced data would leave.
    package func durableCopy() -> SimulatedDisk {
        let disk = SimulatedDisk()
        for (path, inode) in durableNames {
            let twin = Inode()
            twin.durable = inode.durable
            twin.current = inode.durable
            disk.names[path] = twin
        }
        disk.durableNames = disk.names
        return disk
    }

    /// A file's present bytes.
    package func bytes(_ path: String) -> [UInt8] { names[path]?.current ?? [] }

    /// Changes one bit of a file that is at rest, in what was synced.
    package func flipBit(_ bit: Int, ofByte offset: Int, in path: String) {
        guard let inode = names[path], offset < inode.durable.count else { return }
        inode.durable[offset] ^= 1 << UInt8(bit & 7)
        inode.current = inode.durable
    }

    /// A disk of its own with the same content, all of it durable.
    package func copy() -> SimulatedDisk {
        let disk = SimulatedDisk()
        for (path, inode) in names {
            let twin = Inode()
            twin.durable = inode.current
            twin.current = inode.current
            disk.names[path] = twin
        }
        disk.durableNames = disk.names
        return disk
    }

    /// Puts other bytes into a file, durably.
    package func replace(_ path: String, with bytes: [UInt8]) {
        guard let inode = names[path] else { return }
        inode.current = bytes
        inode.durable = bytes
    }

    /// Removes a name, durably.
    package func drop(_ path: String) {
        names[path] = nil
        durableNames[path] = nil
    }

    /// Gives a file another name, durably.
    package func move(_ path: String, to newPath: String) {
        names[newPath] = names.removeValue(forKey: path)
        durableNames = names
    }
}
