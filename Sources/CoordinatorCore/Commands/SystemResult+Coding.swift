import CaseModel
import ClusterPrimitives

extension SystemReceipt: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(time: at)
        writer.write(directoryVersion)
        writer.write(subject)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            at: try reader.time(),
            directoryVersion: try reader.unsigned(),
            subject: try reader.string()
        )
    }
}

extension SystemResult: BinaryCodable {
    /// Writes whether it was accepted, then what it says.
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .accepted(let receipt):
            writer.write(true)
            writer.write(receipt)
        case .refused(let refusal):
            writer.write(false)
            writer.write(refusal)
        }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self =
            try reader.bool()
            ? .accepted(try reader.value()) : .refused(try reader.value())
    }
}

extension SystemRefusal: BinaryCodable {
    /// Writes a tag (stored; never renumber), then what it carries.
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .notInitialized: writer.write(byte: 1)
        case .alreadyInitialized: writer.write(byte: 2)
        case .forbidden(let role):
            writer.write(byte: 3)
            writer.write(byte: role.rawValue)
        case .notFound(let field, let id): write(4, [field, id], to: &writer)
        case .exists(let field, let id): write(5, [field, id], to: &writer)
        case .invalid(let field, let reason): write(6, [field, reason], to: &writer)
        case .tooLong(let field, let limit):
            write(7, [field], to: &writer)
            writer.write(UInt64(limit))
        case .tooMany(let field, let limit):
            write(8, [field], to: &writer)
            writer.write(UInt64(limit))
        case .inUse(let field, let id, let by): write(9, [field, id, by], to: &writer)
        case .lastAdmin: writer.write(byte: 10)
        case .versionUnknown(let node, let known):
            writer.write(byte: 11)
            writer.write(nodeID: node)
            writer.write(UInt64(known))
        case .keyReused: writer.write(byte: 12)
        case .staleEpoch(let current):
            writer.write(byte: 13)
            writer.write(epoch: current)
        case .notDue(let boundary):
            writer.write(byte: 14)
            writer.write(time: boundary)
        case .wrongNight(let expected):
            writer.write(byte: 15)
            writer.write(expected)
        case .nightRunning(let number):
            writer.write(byte: 16)
            writer.write(number)
        case .nightIncomplete(let missing):
            writer.write(byte: 17)
            writer.write(UInt64(missing))
        }
    }

    private func write(_ tag: UInt8, _ texts: [String], to writer: inout ByteWriter) {
        writer.write(byte: tag)
        for text in texts { writer.write(text) }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        switch try reader.byte() {
        case 1: self = .notInitialized
        case 2: self = .alreadyInitialized
        case 3: self = .forbidden(role: try reader.role())
        case 4: self = .notFound(field: try reader.string(), id: try reader.string())
        case 5: self = .exists(field: try reader.string(), id: try reader.string())
        case 6: self = .invalid(field: try reader.string(), reason: try reader.string())
        case 7: self = .tooLong(field: try reader.string(), limit: try reader.number32())
        case 8: self = .tooMany(field: try reader.string(), limit: try reader.number32())
        case 9:
            self = .inUse(
                field: try reader.string(),
                id: try reader.string(),
                by: try reader.string()
            )
        case 10: self = .lastAdmin
        case 11: self = .versionUnknown(to: try reader.nodeID(), known: try reader.number32())
        case 12: self = .keyReused
        case 13: self = .staleEpoch(current: try reader.epoch())
        case 14: self = .notDue(boundary: try reader.time())
        case 15: self = .wrongNight(expected: try reader.unsigned())
        case 16: self = .nightRunning(number: try reader.unsigned())
        case 17: self = .nightIncomplete(shardsMissing: try reader.number32())
        default: throw reader.fault("an unknown refusal")
        }
    }
}

extension SystemRefusal: CustomStringConvertible {
    /// For people: what is wrong and what to do about it.
    public var description: String {
        switch self {
        case .notInitialized: "the cluster is not founded yet"
        case .alreadyInitialized: "the cluster is founded already"
        case .forbidden(let role): "the role \(role) may not do this"
        case .notFound(let field, let id): "\(field): there is no \(id)"
        case .exists(let field, let id): "\(field): is taken by \(id)"
        case .invalid(let field, let reason): "\(field): \(reason)"
        case .tooLong(let field, let limit): "\(field): has more than \(limit) bytes"
        case .tooMany(let field, let limit): "\(field): there would be more than \(limit)"
        case .inUse(let field, let id, let by): "\(field): \(id) is used by \(by)"
        case .lastAdmin: "the last admin must stay one; add another first"
        case .versionUnknown(let node, let known):
            "node \(node) knows versions up to \(known); upgrade it first"
        case .keyReused: "the idempotency key was used with other content"
        case .staleEpoch(let current):
            "a coordinator with a later epoch is at work (\(current.incarnation).\(current.term))"
        case .notDue(let boundary): "the night begins at \(boundary)"
        case .wrongNight(let expected): "the next night has number \(expected)"
        case .nightRunning(let number): "night \(number) is not finished"
        case .nightIncomplete(let missing): "\(missing) shards are not done with the night"
        }
    }
}
