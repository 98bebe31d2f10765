import CaseModel
import ClusterPrimitives

/// One item of a case's history: one event of one accepted command.
public struct HistoryEntry: Hashable, Sendable {
    /// The format of a stored entry.
    static let formatVersion: UInt8 = 1

    /// Counts a case's entries, public and for staff alike, from 1.
    public var number: UInt64
    /// The case's version after the command.
    public var version: UInt64
    /// When, by the shard's time.
    public var at: Timestamp
    /// Who.
    public var by: PrincipalID
    /// In which capacity.
    public var role: Role
    /// What happened, without the raw message.
    public var event: CaseEvent
    /// Under which key the raw message is kept, if one came with it.
    var rawKey: UInt64?

    /// Whether a raw message can be had.
    public var hasRaw: Bool { rawKey != nil }
}

extension HistoryEntry: BinaryCodable {
    /// The version byte, then the fields in the order of their declaration, the raw message's key before the event.
    public func encode(to writer: inout ByteWriter) {
        writer.write(byte: Self.formatVersion)
        writer.write(number)
        writer.write(version)
        writer.write(at)
        writer.write(by)
        writer.write(role)
        writer.write(optional: rawKey) { $0.write($1) }
        writer.write(event)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        let format = try reader.byte()
        guard format == Self.formatVersion else {
            throw reader.fault("a history entry has format \(format)")
        }
        self.init(
            number: try reader.unsigned(),
            version: try reader.unsigned(),
            at: try reader.value(),
            by: try reader.value(),
            role: try reader.value(),
            event: .reopened,
            rawKey: try reader.optional { reader throws(DecodingFault) in try reader.unsigned() }
        )
        event = try reader.value()
    }
}

/// An audit entry with the salt that its contents were hashed with; no salt after an erasure.
struct SaltedAudit: BinaryCodable {
    var salt: [UInt8]?
    var entry: AuditEntry

    func encode(to writer: inout ByteWriter) {
        writer.write(optional: salt) { $0.write($1) }
        writer.write(entry)
    }

    init(salt: [UInt8]?, entry: AuditEntry) {
        self.salt = salt
        self.entry = entry
    }

    init(from reader: inout ByteReader) throws(DecodingFault) {
        salt = try reader.optional { reader throws(DecodingFault) in try reader.data() }
        entry = try reader.value()
    }
}

/// Several values in one blob, as an archived case's row keeps them.
enum Packed {
    static func encode<Value: BinaryCodable>(_ values: [Value]) -> [UInt8] {
        var writer = ByteWriter(reserving: values.count * 256)
        writer.write(array: values) { $0.write($1) }
        return writer.bytes
    }

    static func decode<Value: BinaryCodable>(
        _ bytes: [UInt8],
        of type: Value.Type
    ) throws(StoreError) -> [Value] {
        guard !bytes.isEmpty else { return [] }
        do {
            var reader = ByteReader(bytes)
            let values = try reader.array { reader throws(DecodingFault) in
                try reader.value(type)
            }
            try reader.finish()
            return values
        } catch {
            throw .corrupt(detail: "packed rows of \(type) can't be read back: \(error)")
        }
    }
}
