// The canonical form of the primitives themselves, and of the two shapes that names and enums share.

extension BinaryCodable where Self: RawRepresentable, RawValue == UInt8 {
    /// One byte: the raw value, which is therefore never renumbered.
    @inlinable public func encode(to writer: inout ByteWriter) { writer.write(byte: rawValue) }

    /// Faults on a number that this program doesn't know.
    @inlinable public init(from reader: inout ByteReader) throws(DecodingFault) {
        let raw = try reader.byte()
        guard let value = Self(rawValue: raw) else {
            throw reader.fault("\(raw) is no \(Self.self)")
        }
        self = value
    }
}

extension BinaryCodable where Self: RawRepresentable, RawValue == String {
    /// The text.
    @inlinable public func encode(to writer: inout ByteWriter) { writer.write(rawValue) }

    /// Faults on a text that the type doesn't take.
    @inlinable public init(from reader: inout ByteReader) throws(DecodingFault) {
        guard let value = Self(rawValue: try reader.string()) else {
            throw reader.fault("a text is no \(Self.self)")
        }
        self = value
    }
}

extension BinaryCodable where Self: RawRepresentable, RawValue == UInt64 {
    /// LEB128.
    @inlinable public func encode(to writer: inout ByteWriter) { writer.write(rawValue) }

    /// Faults on a number that the type doesn't take.
    @inlinable public init(from reader: inout ByteReader) throws(DecodingFault) {
        guard let value = Self(rawValue: try reader.unsigned()) else {
            throw reader.fault("a number is no \(Self.self)")
        }
        self = value
    }
}

extension CaseID: BinaryCodable {}

extension Timestamp: BinaryCodable {
    /// Zigzag LEB128.
    @inlinable public func encode(to writer: inout ByteWriter) { writer.write(rawValue) }

    /// Reads what `encode` wrote.
    @inlinable public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(rawValue: try reader.signed())
    }
}

extension TimeSpan: BinaryCodable {
    /// Zigzag LEB128.
    @inlinable public func encode(to writer: inout ByteWriter) { writer.write(milliseconds) }

    /// Reads what `encode` wrote.
    @inlinable public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(milliseconds: try reader.signed())
    }
}

extension SHA256Digest: BinaryCodable {
    /// 32 bytes.
    @inlinable public func encode(to writer: inout ByteWriter) { writer.write(raw: bytes) }

    /// Reads what `encode` wrote.
    @inlinable public init(from reader: inout ByteReader) throws(DecodingFault) {
        guard let digest = SHA256Digest(bytes: Array(try reader.raw(32))) else {
            throw reader.fault("a digest has not 32 bytes")
        }
        self = digest
    }
}

extension ByteWriter {
    /// Presence byte, then the value.
    @inlinable public mutating func write(optional value: (some BinaryCodable)?) {
        write(value != nil)
        if let value { value.encode(to: &self) }
    }

    /// Presence byte, then the text.
    @inlinable public mutating func write(optional text: String?) {
        write(text != nil)
        if let text { write(text) }
    }

    /// Count, then each.
    @inlinable public mutating func write(array values: [some BinaryCodable]) {
        write(UInt64(values.count))
        for value in values { value.encode(to: &self) }
    }
}

extension ByteReader {
    /// Presence byte, then the value.
    @inlinable public mutating func optional<Value: BinaryCodable>(
        _ type: Value.Type = Value.self
    ) throws(DecodingFault) -> Value? {
        guard try bool() else { return nil }
        return try Value(from: &self)
    }

    /// Presence byte, then the text.
    @inlinable public mutating func optionalString() throws(DecodingFault) -> String? {
        guard try bool() else { return nil }
        return try string()
    }

    /// Count, then each.
    @inlinable public mutating func array<Value: BinaryCodable>(
        of type: Value.Type = Value.self
    ) throws(DecodingFault) -> [Value] {
        try array { (reader: inout ByteReader) throws(DecodingFault) -> Value in
            try Value(from: &reader)
        }
    }

    /// LEB128 of at most 32 bits.
    @inlinable public mutating func unsigned32() throws(DecodingFault) -> UInt32 {
        guard let number = UInt32(exactly: try unsigned()) else {
            throw fault("a number has more than 32 bits")
        }
        return number
    }

    /// Reads the version byte that comes first in a stored format; faults on one newer than this program.
    @inlinable public mutating func formatVersion(
        upTo newest: UInt8,
        of what: StaticString
    ) throws(DecodingFault) -> UInt8 {
        let version = try byte()
        guard version >= 1, version <= newest else {
            throw fault("\(what) of format \(version); this program knows 1...\(newest)")
        }
        return version
    }
}
