/// The canonical binary form that replicated commands and log records share.
///
/// Promise: one value has one encoding, on every machine and in every run. Integers are LEB128
/// varints (signed ones zigzag), strings and bytes carry a varint length, an optional a presence byte,
/// an array a count. Rejected: Protocol Buffers here, because its specification does not promise equal
/// bytes for equal messages and these bytes are hashed into idempotency records and audit chains.
///
/// Inlinable, since these are the calls that every command, row and record is made of: the callers' own
/// modules specialise them, and no metadata is looked up while a command is applied.
@frozen
public struct ByteWriter: Sendable {
    @usableFromInline var buffer: [UInt8] = []

    /// What was written.
    @inlinable public var bytes: [UInt8] { buffer }

    /// An empty writer.
    @inlinable public init(reserving capacity: Int = 0) { buffer.reserveCapacity(capacity) }

    /// One byte.
    @inlinable public mutating func write(byte: UInt8) { buffer.append(byte) }

    /// One byte, 0 or 1.
    @inlinable public mutating func write(_ flag: Bool) { buffer.append(flag ? 1 : 0) }

    /// LEB128.
    @inlinable public mutating func write(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.append(UInt8(rest))
    }

    /// Zigzag, then LEB128.
    @inlinable public mutating func write(_ number: Int64) {
        write(UInt64(bitPattern: number << 1 ^ number >> 63))
    }

    /// Four bytes, little endian.
    @inlinable public mutating func write(fixed number: UInt32) {
        for shift in stride(from: 0, to: 32, by: 8) {
            buffer.append(UInt8(truncatingIfNeeded: number >> UInt32(shift)))
        }
    }

    /// Eight bytes, little endian.
    @inlinable public mutating func write(fixed number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            buffer.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
        }
    }

    /// Length, then the bytes.
    @inlinable public mutating func write(_ data: [UInt8]) {
        write(UInt64(data.count))
        buffer.append(contentsOf: data)
    }

    /// The bytes alone; the reader must know how many.
    @inlinable public mutating func write(raw data: some Sequence<UInt8>) {
        buffer.append(contentsOf: data)
    }

    /// Length in UTF-8 bytes, then those.
    @inlinable public mutating func write(_ text: String) {
        write(UInt64(text.utf8.count))
        // Native texts stand in one piece; others come from outside Swift.
        if text.utf8.withContiguousStorageIfAvailable({ buffer.append(contentsOf: $0) }) == nil {
            buffer.append(contentsOf: text.utf8)
        }
    }

    /// A value that knows how.
    @inlinable public mutating func write(_ value: some BinaryCodable) { value.encode(to: &self) }

    /// Presence byte, then the value.
    @inlinable public mutating func write<Value>(
        optional value: Value?,
        _ body: (inout ByteWriter, Value) -> Void
    ) {
        write(value != nil)
        if let value { body(&self, value) }
    }

    /// Count, then each.
    @inlinable public mutating func write<Value>(
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
@frozen
public struct ByteReader: Sendable {
    @usableFromInline let bytes: ArraySlice<UInt8>
    @usableFromInline var position: Int

    /// Bytes read so far.
    @inlinable public var offset: Int { position - bytes.startIndex }

    /// Reads from the front of `bytes`.
    @inlinable public init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Reads from the front of `bytes`.
    @inlinable public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// Bytes not read yet.
    @inlinable public var remaining: Int { bytes.endIndex - position }

    /// A fault at the present place.
    @inlinable public func fault(_ reason: String) -> DecodingFault {
        DecodingFault(offset: offset, reason: reason)
    }

    /// One byte.
    @inlinable public mutating func byte() throws(DecodingFault) -> UInt8 {
        guard remaining >= 1 else { throw fault("ends where a byte was expected") }
        defer { position += 1 }
        return bytes[position]
    }

    /// One byte, 0 or 1.
    @inlinable public mutating func bool() throws(DecodingFault) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        default: throw fault("a flag is neither 0 nor 1")
        }
    }

    /// LEB128, at most ten bytes and no longer than needed: one value has one encoding.
    @inlinable public mutating func unsigned() throws(DecodingFault) -> UInt64 {
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
    @inlinable public mutating func signed() throws(DecodingFault) -> Int64 {
        let raw = try unsigned()
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    /// Four bytes, little endian.
    @inlinable public mutating func fixed32() throws(DecodingFault) -> UInt32 {
        try raw(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Eight bytes, little endian.
    @inlinable public mutating func fixed64() throws(DecodingFault) -> UInt64 {
        try raw(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Exactly `count` bytes.
    @inlinable public mutating func raw(_ count: Int) throws(DecodingFault) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else {
            throw fault("ends \(count) bytes too early")
        }
        defer { position += count }
        return bytes[position..<position + count]
    }

    /// Length-prefixed bytes.
    @inlinable public mutating func data() throws(DecodingFault) -> [UInt8] {
        Array(try raw(try count()))
    }

    /// Length-prefixed UTF-8.
    @inlinable public mutating func string() throws(DecodingFault) -> String {
        let raw = try raw(try count())
        // Nearly all are ASCII, which needs no validation; the standard one looks up generic types at run time.
        let ascii = raw.withUnsafeBufferPointer { bytes in
            bytes.allSatisfy { $0 < 0x80 } ? String(decoding: bytes, as: UTF8.self) : nil
        }
        guard let text = ascii ?? String(validating: raw, as: UTF8.self) else {
            throw fault("a text is not UTF-8")
        }
        return text
    }

    /// A value that knows how.
    @inlinable public mutating func value<Value: BinaryCodable>(
        _ type: Value.Type = Value.self
    ) throws(DecodingFault) -> Value {
        try Value(from: &self)
    }

    /// Presence byte, then the value.
    @inlinable public mutating func optional<Value>(
        _ body: (inout ByteReader) throws(DecodingFault) -> Value
    ) throws(DecodingFault) -> Value? {
        try bool() ? try body(&self) : nil
    }

    /// Count, then each.
    @inlinable public mutating func array<Value>(
        _ body: (inout ByteReader) throws(DecodingFault) -> Value
    ) throws(DecodingFault) -> [Value] {
        let count = try count()
        var values: [Value] = []
        for _ in 0..<count { values.append(try body(&self)) }
        return values
    }

    /// A count or length: no more than the bytes that are left, since each item takes at least one.
    @inlinable mutating func count() throws(DecodingFault) -> Int {
        let count = try unsigned()
        guard count <= UInt64(remaining) else { throw fault("a length passes the end") }
        return Int(count)
    }

    /// Fails unless everything was read.
    @inlinable public func finish() throws(DecodingFault) {
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
    @inlinable public var encodedBytes: [UInt8] {
        // Room for what most values take: growing copies what is there.
        var writer = ByteWriter(reserving: 512)
        encode(to: &writer)
        return writer.bytes
    }

    /// Reads a value that takes up all of `bytes`.
    @inlinable public init(decoding bytes: [UInt8]) throws(DecodingFault) {
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }
}
