import ClusterPrimitives

extension Epoch: BinaryCodable {
    /// Incarnation, term.
    public func encode(to writer: inout ByteWriter) {
        writer.write(incarnation)
        writer.write(term.rawValue)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(incarnation: try reader.unsigned(), term: Term(try reader.unsigned()))
    }
}

extension IdempotencyScope: BinaryCodable {
    /// The fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(principal)
        writer.write(method)
        writer.write(key)
        writer.write(requestHash)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            principal: try reader.value(),
            method: try reader.string(),
            key: try reader.string(),
            requestHash: try reader.value()
        )
    }
}

extension ShardCommand: BinaryCodable {
    /// A tag (stored; never renumber), then what the command carries.
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .onCase(let command, let scope):
            writer.write(byte: 1)
            writer.write(command)
            writer.write(scope)
        case .claim(let key, let channel, let contentHash):
            writer.write(byte: 2)
            writer.write(key)
            writer.write(channel)
            writer.write(contentHash)
        case .recordClaim(let key, let channel, let caseID):
            writer.write(byte: 3)
            writer.write(key)
            writer.write(channel)
            writer.write(caseID)
        case .sweep(let epoch, let asOf, let limit):
            writer.write(byte: 4)
            writer.write(epoch)
            writer.write(asOf)
            writer.write(UInt64(limit))
        case .beginNight(let epoch, let night, let boundary):
            writer.write(byte: 5)
            writer.write(epoch)
            writer.write(night)
            writer.write(boundary)
        case .archivePage(let epoch, let night, let boundary, let limit):
            writer.write(byte: 6)
            writer.write(epoch)
            writer.write(night)
            writer.write(boundary)
            writer.write(UInt64(limit))
        case .ownerGone(let epoch, let principal, let limit):
            writer.write(byte: 7)
            writer.write(epoch)
            writer.write(principal)
            writer.write(UInt64(limit))
        case .ownerBack(let epoch, let principal):
            writer.write(byte: 8)
            writer.write(epoch)
            writer.write(principal)
        }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        switch try reader.byte() {
        case 1: self = .onCase(try reader.value(), try reader.value())
        case 2:
            self = .claim(
                key: try reader.string(),
                channel: try reader.value(),
                contentHash: try reader.value()
            )
        case 3:
            self = .recordClaim(
                key: try reader.string(),
                channel: try reader.value(),
                caseID: try reader.value()
            )
        case 4:
            self = .sweep(
                epoch: try reader.value(),
                asOf: try reader.value(),
                limit: try reader.unsigned32()
            )
        case 5:
            self = .beginNight(
                epoch: try reader.value(),
                night: try reader.unsigned(),
                boundary: try reader.value()
            )
        case 6:
            self = .archivePage(
                epoch: try reader.value(),
                night: try reader.unsigned(),
                boundary: try reader.value(),
                limit: try reader.unsigned32()
            )
        case 7:
            self = .ownerGone(
                epoch: try reader.value(),
                principal: try reader.value(),
                limit: try reader.unsigned32()
            )
        case 8: self = .ownerBack(epoch: try reader.value(), principal: try reader.value())
        default: throw reader.fault("an unknown shard command")
        }
    }
}

extension StampedShardCommand: BinaryCodable {
    /// The version byte, the stamp, the command.
    public func encode(to writer: inout ByteWriter) {
        writer.write(byte: Self.formatVersion)
        writer.write(at)
        writer.write(command)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        _ = try reader.formatVersion(upTo: Self.formatVersion, of: "a shard command")
        self.init(at: try reader.value(), command: try reader.value())
    }
}

extension ShardResult: BinaryCodable {
    /// A tag (stored; never renumber), then what the result carries.
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .accepted(let receipt):
            writer.write(byte: 1)
            writer.write(receipt)
        case .refused(let refusal):
            writer.write(byte: 2)
            writer.write(refusal)
        case .claimed(let caseID):
            writer.write(byte: 3)
            writer.write(optional: caseID)
        case .swept(let count, let more, let nextDueAt):
            writer.write(byte: 4)
            writer.write(UInt64(count))
            writer.write(more)
            writer.write(optional: nextDueAt)
        }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        switch try reader.byte() {
        case 1: self = .accepted(try reader.value())
        case 2: self = .refused(try reader.value())
        case 3: self = .claimed(caseID: try reader.optional())
        case 4:
            self = .swept(
                count: try reader.unsigned32(),
                more: try reader.bool(),
                nextDueAt: try reader.optional()
            )
        default: throw reader.fault("an unknown shard result")
        }
    }
}
