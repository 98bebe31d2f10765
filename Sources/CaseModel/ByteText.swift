// Texts by their bytes. `String`'s own equality and order go by Unicode tables that differ between builds;
// what is replicated must not.

extension String {
    /// The same bytes.
    func hasSameBytes(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        // Through the storage where there is one: an iterator decides for each byte where the text stands.
        let isEqual = utf8.withContiguousStorageIfAvailable { left in
            other.utf8.withContiguousStorageIfAvailable { left.elementsEqual($0) }
        }
        return isEqual.flatMap { $0 } ?? utf8.elementsEqual(other.utf8)
    }

    /// Before the other by bytes, which is the order of Unicode scalars.
    func precedesByBytes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }

    /// Nothing but ASCII white space.
    var isBlank: Bool {
        utf8.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) }
    }
}

extension [String] {
    /// In the order of Unicode scalars.
    func sortedByBytes() -> [String] { sorted { $0.precedesByBytes($1) } }
}
