/// Memory that is allocated once and used for many batches or reads.
final class RawBuffer {
    let bytes: UnsafeMutableRawBufferPointer

    /// Zeroed memory.
    init(count: Int) {
        precondition(count > 0)
        bytes = .allocate(byteCount: count, alignment: 4096)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { bytes.deallocate() }

    var count: Int { bytes.count }

    /// A part of it, to read.
    func slice(_ start: Int, _ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
    }

    /// A part of it, to fill.
    func room(_ start: Int, _ count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + count])
    }

    func put(_ value: some FixedWidthInteger, at offset: Int) {
        bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: type(of: value))
    }

    func put(_ data: [UInt8], at offset: Int) {
        guard !data.isEmpty else { return }
        room(offset, data.count).copyBytes(from: data)
    }

    func clear(_ start: Int, _ count: Int) {
        guard count > 0 else { return }
        room(start, count).initializeMemory(as: UInt8.self, repeating: 0)
    }
}

extension UnsafeRawBufferPointer {
    func word32(at offset: Int) -> UInt32 {
        UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    func word64(at offset: Int) -> UInt64 {
        UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    func part(_ start: Int, _ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[start..<start + count])
    }

    /// The end of the last byte that is not zero; 0 if all are.
    var lastUsed: Int {
        var end = count
        while end >= 8, end % 8 == 0, word64(at: end - 8) == 0 { end -= 8 }
        while end > 0, self[end - 1] == 0 {
            end -= 1
            while end >= 8, end % 8 == 0, word64(at: end - 8) == 0 { end -= 8 }
        }
        return end
    }
}
