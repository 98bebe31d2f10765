/// The canonical binary form that replicated commands and log records share.
///
/// Promise: one value has one encoding, on every machine and in every run. Integers are LEB128
/// varints (signed ones zigzag), strings and bytes carry a varint length, an optional a presence byte,
/// an array a count. Rejected: Protocol Buffers here, because its specification does not promise equal
/// bytes for equal messages and these bytes are hashed into idempotency records and audit chains.
public struct ByteWriter: Sendable {
    /// What was written.
    public private(set) var bytes: [UInt8] = []

    /// An empty writer.
    public init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// One byte.
    public mutating func write(byte: UInt8) { bytes.append(byte) }

    /// One byte, 0 or 1.
    public mutating func write(_ flag: Bool) { bytes.append(flag ? 1 : 0) }

    /// LEB128.
    public mutating func write(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Zigzag, then LEB128.
    public mutating func write(_ number: Int64) {
        write(UInt64(bitPattern: number << 1 ^ number >> 63))
    }

    /// Four bytes, little endian.
    public mutating func write(fixed number: UInt32) {
        for shift in stride(from: 0, to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(shift)))
        }
    }

    /// Eight bytes, little endian.
    public mutating func write(fixed number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
        }
    }

    /// Length, then the bytes.
    public mutating func write(_ data: [UInt8]) {
        write(UInt64(data.count))
        bytes.append(contentsOf: data)
    }

    /// The bytes alone; the reader must know how many.
    public mutating func write(raw data: some Sequence<UInt8>) { bytes.append(contentsOf: data) }

    /// Length in UTF-8 bytes, then those.
    public mutating func write(_ text: String) {
        let utf8 = text.utf8
        write(UInt64(utf8.count))
        bytes.append(contentsOf: utf8)
    }

    /// A value that knows how.
    public mutating func write(_ value: some BinaryCodable) { value.encode(to: &self) }

    /// Presence byte, then the value.
    public mutating func write<Value>(
        optional value: Value?,
        _ body: (inout ByteWriter, Value) -> Void
    ) {
        write(value != nil)
        if let value { body(&self, value) }
    }

    /// Count, then each.
    public mutating func write<Value>(
        array values: [Value],
        _ body: (inout ByteWriter, Value) -> Void
    ) {
        write(UInt64(values.count))
        for value in values { body(&self, value) }
    }
}

/// Why bytes could not be read back. The bytes are wrong or newer than this program: never retry.
public struct DecodingFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where, in bytes from the start.
    public let offset: Int
    /// What was expected there.
    public let reason: String

    /// A fault at an offset.
    public init(offset: Int, reason: String) {
        self.offset = offset
        self.reason = reason
    }

    /// For people.
    public var description: String { "byte \(offset): \(reason)" }
}

/// Reads what `ByteWriter` wrote. Total: no input traps, and no length makes it allocate more than there is.
public struct ByteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    /// Bytes read so far.
    public private(set) var offset = 0

    /// Reads from the front of `bytes`.
    public init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    /// Reads from the front of `bytes`.
    public init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// Bytes not read yet.
    public var remaining: Int { bytes.count - offset }

    /// A fault at the present place.
    public func fault(_ reason: String) -> DecodingFault {
        DecodingFault(offset: offset, reason: reason)
    }

    /// One byte.
    public mutating func byte() throws(DecodingFault) -> UInt8 {
        guard remaining >= 1 else { throw fault("ends where a byte was expected") }
        offset += 1
        return bytes[bytes.startIndex + offset - 1]
    }

    /// One byte, 0 or 1.
    public mutating func bool() throws(DecodingFault) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        default: throw fault("a flag is neither 0 nor 1")
        }
    }

    /// LEB128, at most ten bytes and no longer than needed: one value has one encoding.
    public mutating func unsigned() throws(DecodingFault) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            guard shift < 63 || next <= 1 else { throw fault("a number has more than 64 bits") }
            guard next != 0 || shift == 0 else { throw fault("a number is longer than needed") }
            value |= UInt64(next & 0x7F) << shift
            if next & 0x80 == 0 { return value }
            shift += 7
        }
    }

    /// Zigzag LEB128.
    public mutating func signed() throws(DecodingFault) -> Int64 {
        let raw = try unsigned()
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    /// Four bytes, little endian.
    public mutating func fixed32() throws(DecodingFault) -> UInt32 {
        try raw(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Eight bytes, little endian.
    public mutating func fixed64() throws(DecodingFault) -> UInt64 {
        try raw(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Exactly `count` bytes.
    public mutating func raw(_ count: Int) throws(DecodingFault) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else {
            throw fault("ends \(count) bytes too early")
        }
        let start = bytes.startIndex + offset
        offset += count
        return bytes[start..<start + count]
    }

    /// Length-prefixed bytes.
    public mutating func data() throws(DecodingFault) -> [UInt8] { Array(try raw(try count())) }

    /// Length-prefixed UTF-8.
    public mutating func string() throws(DecodingFault) -> String {
        let raw = try raw(try count())
        guard let text = String(validating: raw, as: UTF8.self) else {
            throw fault("a text is not UTF-8")
        }
        return text
    }

    /// A value that knows how.
    public mutating func value<Value: BinaryCodable>(
        _ type: Value.Type = Value.self
    ) throws(DecodingFault) -> Value {
        try Value(from: &self)
    }

    /// Presence byte, then the value.
    public mutating func optional<Value>(
        _ body: (inout ByteReader) throws(DecodingFault) -> Value
    ) throws(DecodingFault) -> Value? {
        try bool() ? try body(&self) : nil
    }

    /// Count, then each.
    public mutating func array<Value>(
        _ body: (inout ByteReader) throws(DecodingFault) -> Value
    ) throws(DecodingFault) -> [Value] {
        let count = try count()
        var values: [Value] = []
        for _ in 0..<count { values.append(try body(&self)) }
        return values
    }

    /// A count or length: no more than the bytes that are left, since each item takes at least one.
    private mutating func count() throws(DecodingFault) -> Int {
        let count = try unsigned()
        guard count <= UInt64(remaining) else { throw fault("a length passes the end") }
        return Int(count)
    }

    /// Fails unless everything was read.
    public func finish() throws(DecodingFault) {
        guard remaining == 0 else { throw fault("\(remaining) bytes too many") }
    }
}

/// A value with one canonical encoding.
public protocol BinaryCodable {
    /// Writes all of it.
    func encode(to writer: inout ByteWriter)
    /// Reads what `encode` wrote.
    init(from reader: inout ByteReader) throws(DecodingFault)
}

extension BinaryCodable {
    /// The value alone, as bytes.
    public var encodedBytes: [UInt8] {
        var writer = ByteWriter()
        encode(to: &writer)
        return writer.bytes
    }

    /// Reads a value that takes up all of `bytes`.
    public init(decoding bytes: [UInt8]) throws(DecodingFault) {
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }
}
