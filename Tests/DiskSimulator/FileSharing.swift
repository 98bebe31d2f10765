/// What the connections to one file share: SQLite's file locks, and the index of its write-ahead log in
/// shared memory with locks of its own. It lives as long as the processes: a crash begins a new one.
///
/// The rules are those of SQLite's documentation of `xLock` and `xShmLock`. A holder is named by a number.
package final class FileSharing {
    /// As SQLite numbers them.
    package enum Level: Int32, Comparable {
        case none = 0
        case shared = 1
        case reserved = 2
        case pending = 3
        case exclusive = 4

        package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    /// Slots that `xShmLock` knows.
    package static let slotCount = 8

    private var levels: [(holder: UInt64, level: Level)] = []
    private var slots = [Slot](repeating: Slot(), count: slotCount)
    private(set) var regions: [UnsafeMutableRawBufferPointer] = []

    private struct Slot {
        var exclusive: UInt64?
        var shared: Set<UInt64> = []
    }

    deinit { for region in regions { region.deallocate() } }

    // MARK: The file's lock

    /// The level that a holder has.
    package func level(of holder: UInt64) -> Level {
        levels.first { $0.holder == holder }?.level ?? .none
    }

    /// Raises a holder's lock; false if others are in the way.
    package func lock(_ wanted: Level, by holder: UInt64) -> Bool {
        let own = level(of: holder)
        guard wanted > own else { return true }
        let others = levels.filter { $0.holder != holder }.map(\.level)
        switch wanted {
        case .none: return true
        case .shared:
            guard !others.contains(where: { $0 >= .pending }) else { return false }
            set(.shared, for: holder)
        case .reserved, .pending:
            guard !others.contains(where: { $0 >= .reserved }) else { return false }
            set(wanted, for: holder)
        case .exclusive:
            guard !others.contains(where: { $0 >= .reserved }) else { return false }
            // Keeps new readers out while the old ones leave.
            set(others.isEmpty ? .exclusive : .pending, for: holder)
            return others.isEmpty
        }
        return true
    }

    /// Lowers a holder's lock.
    package func unlock(_ wanted: Level, by holder: UInt64) {
        if level(of: holder) > wanted { set(wanted, for: holder) }
    }

    /// Whether somebody means to write.
    package var isReserved: Bool { levels.contains { $0.level >= .reserved } }

    private func set(_ level: Level, for holder: UInt64) {
        levels.removeAll { $0.holder == holder }
        if level > .none { levels.append((holder, level)) }
    }

    // MARK: Shared memory

    /// A region of shared memory, made if `mayExtend`; nil if there is none.
    package func region(_ index: Int, bytes: Int, mayExtend: Bool) -> UnsafeMutableRawPointer? {
        while mayExtend, regions.count <= index {
            let fresh = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 16)
            fresh.initializeMemory(as: UInt8.self, repeating: 0)
            regions.append(fresh)
        }
        return index < regions.count ? regions[index].baseAddress : nil
    }

    /// Takes slots, all or none.
    package func lockSlots(_ range: Range<Int>, exclusively: Bool, by holder: UInt64) -> Bool {
        for index in range {
            if let owner = slots[index].exclusive, owner != holder { return false }
            if exclusively, slots[index].shared.contains(where: { $0 != holder }) { return false }
        }
        for index in range {
            if exclusively {
                slots[index].exclusive = holder
            } else {
                slots[index].shared.insert(holder)
            }
        }
        return true
    }

    /// Gives slots back.
    package func unlockSlots(_ range: Range<Int>, by holder: UInt64) {
        for index in range {
            if slots[index].exclusive == holder { slots[index].exclusive = nil }
            slots[index].shared.remove(holder)
        }
    }

    /// A connection ends.
    package func leave(_ holder: UInt64) {
        unlockSlots(0..<Self.slotCount, by: holder)
        set(.none, for: holder)
    }
}
