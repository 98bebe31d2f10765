// Texts by their bytes. `String`'s own equality and order go by Unicode tables that differ between builds;
// what is replicated must not.

extension String {
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
