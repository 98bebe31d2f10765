import ClusterPrimitives

/// What a crash leaves of what was not synced.
extension SimulatedDisk {
    /// The process ends: everything written stays, and is as little durable as it was.
    package func endProcess() {
        life += 1
        isOff = false
        operationsUntilCut = nil
        cutSuffix = nil
        syncsUntilFailure = nil
        locks = []
        for inode in names.values { inode.sharing = FileSharing() }
    }

    /// The power goes and comes back, and nothing is left of what was not synced.
    package func loseUnsynced() {
        endProcess()
        pendingNames = []
        names = durableNames
        for inode in inodesInOrder() { restart(inode) }
    }

    /// The power goes and comes back. What was not synced is lost, or kept in any part, as `random` has it.
    package func cutPower(using random: inout SeededGenerator) {
        endProcess()
        let survivors = inodesInOrder()
        names = durableNames
        let kept = Int.random(in: 0...pendingNames.count, using: &random)
        for change in pendingNames.prefix(kept) { Self.apply(change, to: &names) }
        pendingNames = []
        durableNames = names
        // One fate for all is likelier to be told apart from another than a mixture.
        let mood = Int.random(in: 0..<4, using: &random)
        for inode in survivors {
            for change in inode.pending { settle(change, of: inode, mood: mood, &random) }
            restart(inode)
        }
    }

    private func restart(_ inode: Inode) {
        inode.pending = []
        inode.current = inode.durable
        inode.sharing = FileSharing()
    }

    private func settle(
        _ change: Change,
        of inode: Inode,
        mood: Int,
        _ random: inout SeededGenerator
    ) {
        let fate = mood == 0 ? 0 : Int.random(in: 0..<4, using: &random)
        switch (change, fate) {
        case (_, 0):
            lostWrites += 1
        case (_, 1), (.resize, _):
            Self.apply(change, to: &inode.durable)
        case (.write(let offset, let bytes), 2):
            tornWrites += 1
            let kept = Int.random(in: 0...bytes.count, using: &random)
            Self.apply(.write(offset: offset, bytes: Array(bytes[..<kept])), to: &inode.durable)
        case (.write(let offset, let bytes), _):
            tornWrites += 1
            for start in stride(from: 0, to: bytes.count, by: Self.sectorBytes)
            where Bool.random(using: &random) {
                let part = bytes[start..<min(bytes.count, start + Self.sectorBytes)]
                Self.apply(
                    .write(offset: offset + start, bytes: Array(part)),
                    to: &inode.durable
                )
            }
        }
    }

    /// By name, so that a seed always gives the same disk; those without a name last.
    private func inodesInOrder() -> [Inode] {
        var found: [Inode] = []
        var seen: Set<ObjectIdentifier> = []
        for table in [names, durableNames] {
            for (_, inode) in table.sorted(by: { $0.key < $1.key })
            where seen.insert(ObjectIdentifier(inode)).inserted {
                found.append(inode)
            }
        }
        return found
    }

    // MARK: Applying changes

    static func apply(_ change: NameChange, to names: inout [String: Inode]) {
        switch change {
        case .set(let path, let inode): names[path] = inode
        case .rename(let old, let new): names[new] = names.removeValue(forKey: old)
        case .remove(let path): names[path] = nil
        }
    }

    static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .resize(let count):
            if count < bytes.count {
                bytes.removeLast(bytes.count - count)
            } else {
                bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
            }
        case .write(let offset, let data):
            let end = offset + data.count
            if end > bytes.count {
                bytes.append(contentsOf: repeatElement(0, count: end - bytes.count))
            }
            data.withUnsafeBytes { source in
                bytes.withUnsafeMutableBytes { target in
                    UnsafeMutableRawBufferPointer(rebasing: target[offset..<end])
                        .copyMemory(from: source)
                }
            }
        }
    }
}
