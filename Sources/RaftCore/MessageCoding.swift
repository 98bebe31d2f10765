import ClusterPrimitives

extension Entry: BinaryCodable {
    /// Term, index, kind, payload.
    public func encode(to writer: inout ByteWriter) {
        writer.write(term.rawValue)
        writer.write(index.rawValue)
        writer.write(byte: kind.rawValue)
        writer.write(payload)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        let term = Term(try reader.unsigned())
        let index = LogIndex(try reader.unsigned())
        guard let kind = EntryKind(rawValue: try reader.byte()) else {
            throw reader.fault("an unknown kind of entry")
        }
        self.init(term: term, index: index, kind: kind, payload: try reader.data())
    }
}

extension Entry {
    /// What an entry costs beside its payload, in bytes: ten each for term and index at their
    /// longest, the kind, and the payload's length. A bound rather than a measure, so that limits
    /// never undercount.
    static let overheadBytes: UInt64 = 26

    /// What limits on messages and batches count, in bytes.
    var costBytes: UInt64 { UInt64(payload.count) + Self.overheadBytes }
}

extension Sequence<Entry> {
    /// What limits on messages and batches count, in bytes.
    var costBytes: UInt64 { reduce(0) { $0 + $1.costBytes } }

    /// The payloads alone, in bytes. Entries without one weigh nothing here: an empty entry that
    /// opens a term, or that leaves a joint configuration, can't be refused for its size.
    var payloadBytes: UInt64 { reduce(0) { $0 + UInt64($1.payload.count) } }
}

extension Message: BinaryCodable {
    /// Everything, in the order of the declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(byte: kind.rawValue)
        writer.write(from.rawValue)
        writer.write(to.rawValue)
        writer.write(term.rawValue)
        writer.write(logTerm.rawValue)
        writer.write(index.rawValue)
        writer.write(commit.rawValue)
        writer.write(array: entries) { $0.write($1) }
        writer.write(optional: snapshot) { $0.write($1) }
        writer.write(reject)
        writer.write(rejectHint.rawValue)
        writer.write(context)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        guard let kind = Kind(rawValue: try reader.byte()) else {
            throw reader.fault("an unknown kind of message")
        }
        self.init(
            kind,
            from: NodeID(try reader.unsigned()),
            to: NodeID(try reader.unsigned()),
            term: Term(try reader.unsigned()),
            logTerm: Term(try reader.unsigned()),
            index: LogIndex(try reader.unsigned()),
            commit: LogIndex(try reader.unsigned()),
            entries: try reader.array { (reader) throws(DecodingFault) in try reader.value() },
            snapshot: try reader.optional { (reader) throws(DecodingFault) in try reader.value() },
            reject: try reader.bool(),
            rejectHint: LogIndex(try reader.unsigned()),
            context: try reader.data()
        )
    }
}
