// Texts by their bytes. `String`'s own equality goes by Unicode tables that differ between builds; what is
// replicated must not.

extension String {
    /// The same bytes.
    public func hasSameBytes(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        // Through the storage where there is one: an iterator decides for each byte where the text stands.
        let isEqual = utf8.withContiguousStorageIfAvailable { left in
            other.utf8.withContiguousStorageIfAvailable { left.elementsEqual($0) }
        }
        return isEqual.flatMap { $0 } ?? utf8.elementsEqual(other.utf8)
    }

    /// Feeds the bytes, and where they end, to a hash that goes with `hasSameBytes`.
    public func hashBytes(into hasher: inout Hasher) {
        let done: Void? = utf8.withContiguousStorageIfAvailable { bytes in
            hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
        }
        if done == nil { for byte in utf8 { hasher.combine(byte) } }
        hasher.combine(UInt8(0xFF))
    }
}
