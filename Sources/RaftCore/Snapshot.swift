import ClusterPrimitives

/// A state that replaces the log up to `id.index`.
public struct Snapshot: Hashable, Sendable {
    /// Which state.
    public var id: SnapshotID
    /// The membership in force there.
    public var configuration: Configuration
    /// Where the receiver gets the state from, or the state itself where it is small. Opaque to the
    /// core.
    public var reference: [UInt8]

    /// Puts a snapshot together.
    public init(id: SnapshotID, configuration: Configuration, reference: [UInt8] = []) {
        self.id = id
        self.configuration = configuration
        self.reference = reference
    }
}

extension SnapshotID {
    /// Before the first entry.
    public static let zero = SnapshotID(index: .zero, term: .zero)
}

extension SnapshotID: BinaryCodable {
    /// Index, term.
    public func encode(to writer: inout ByteWriter) {
        writer.write(index.rawValue)
        writer.write(term.rawValue)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        let index = LogIndex(try reader.unsigned())
        self.init(index: index, term: Term(try reader.unsigned()))
    }
}

extension Snapshot: BinaryCodable {
    /// Name, configuration, reference.
    public func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(configuration)
        writer.write(reference)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            id: try reader.value(),
            configuration: try reader.value(),
            reference: try reader.data()
        )
    }
}
