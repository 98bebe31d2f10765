/// What travels beside messages: names with ASCII values, or bytes where a name ends with `-bin`.
///
/// Names are in lower case; a name may come several times; the order is kept.
public struct RPCMetadata: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    /// One value.
    public enum Content: Sendable, Equatable {
        /// Printable ASCII.
        case text(String)
        /// Any bytes; base64 on the wire.
        case bytes([UInt8])
    }

    /// One name with one value.
    public struct Entry: Sendable, Equatable {
        /// In lower case.
        public let name: String
        /// Text, or bytes if the name ends with `-bin`.
        public let value: Content
    }

    /// In order.
    public private(set) var entries: [Entry] = []

    /// None.
    public init() {}

    /// Text values.
    public init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { add(name, value) }
    }

    /// Whether there is nothing.
    public var isEmpty: Bool { entries.isEmpty }

    /// Adds a text value. A name of bytes (`-bin`) takes its UTF-8.
    public mutating func add(_ name: String, _ value: String) {
        let name = Self.lowercased(name)
        entries.append(
            Entry(
                name: name,
                value: Self.isOfBytes(name) ? .bytes(Array(value.utf8)) : .text(value)
            )
        )
    }

    /// Adds a text value that came off the wire, where names are in lower case.
    mutating func add(wireName name: String, _ value: String) {
        entries.append(Entry(name: name, value: .text(value)))
    }

    mutating func reserveCapacity(_ count: Int) { entries.reserveCapacity(count) }

    /// Whether a name ends with `-bin`. By bytes: it is asked for every field of every call.
    static func isOfBytes(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { bytes in
            let start = bytes.count - 4
            return start >= 0 && bytes[start] == UInt8(ascii: "-")
                && bytes[start + 1] == UInt8(ascii: "b") && bytes[start + 2] == UInt8(ascii: "i")
                && bytes[start + 3] == UInt8(ascii: "n")
        }
    }

    /// Off the wire names are in lower case already.
    private static func lowercased(_ name: String) -> String {
        var copy = name
        let isLower = copy.withUTF8 { $0.allSatisfy { $0 < 0x80 && !(0x41...0x5A).contains($0) } }
        return isLower ? name : name.lowercased()
    }

    /// Adds bytes; the name must end with `-bin`.
    public mutating func add(_ name: String, bytes: [UInt8]) {
        let name = Self.lowercased(name)
        precondition(Self.isOfBytes(name), "a name of bytes ends with -bin")
        entries.append(Entry(name: name, value: .bytes(bytes)))
    }

    /// The first text value of a name; setting replaces all of them.
    public subscript(_ name: String) -> String? {
        get {
            for entry in entries where entry.name == name {
                if case .text(let text) = entry.value { return text }
            }
            return nil
        }
        set {
            entries.removeAll { $0.name == name }
            if let newValue { add(name, newValue) }
        }
    }

    /// All text values of a name.
    public func all(_ name: String) -> [String] {
        entries.compactMap { entry in
            guard entry.name == name, case .text(let text) = entry.value else { return nil }
            return text
        }
    }

    /// The first bytes of a name.
    public func bytes(_ name: String) -> [UInt8]? {
        for entry in entries where entry.name == name {
            if case .bytes(let bytes) = entry.value { return bytes }
        }
        return nil
    }

    /// These entries followed by others.
    public func merging(_ other: RPCMetadata) -> RPCMetadata {
        var merged = self
        merged.entries.append(contentsOf: other.entries)
        return merged
    }
}
