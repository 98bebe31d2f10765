import ClusterPrimitives

extension CaseRefusal: BinaryCodable {
    /// A tag (stored; never renumber), then what the refusal carries.
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .notFound: writer.write(byte: 1)
        case .wrongStatus(let action, let status):
            writer.write(byte: 2)
            writer.write(action)
            writer.write(status)
        case .wrongRole(let action, let role):
            writer.write(byte: 3)
            writer.write(action)
            writer.write(role)
        case .notOwner(let action):
            writer.write(byte: 4)
            writer.write(action)
        case .notRequester: writer.write(byte: 5)
        case .wrongTeam(let team):
            writer.write(byte: 6)
            writer.write(team)
        case .missing(let field):
            writer.write(byte: 7)
            writer.write(field)
        case .invalid(let field, let reason):
            writer.write(byte: 8)
            writer.write(field)
            writer.write(reason)
        case .tooLong(let field, let limit):
            writer.write(byte: 9)
            writer.write(field)
            writer.write(UInt64(limit))
        case .staleVersion(let current):
            writer.write(byte: 10)
            writer.write(current)
        case .unsuitableAgent(let id, let reason):
            writer.write(byte: 11)
            writer.write(id)
            writer.write(reason)
        case .needsSupervisor: writer.write(byte: 12)
        case .overLimit(let agent, let maximum):
            writer.write(byte: 13)
            writer.write(agent)
            writer.write(UInt64(maximum))
        case .notDue(let dueAt):
            writer.write(byte: 14)
            writer.write(dueAt)
        case .alreadyDone(let action):
            writer.write(byte: 15)
            writer.write(action)
        case .keyReused: writer.write(byte: 16)
        case .staleEpoch: writer.write(byte: 17)
        }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        switch try reader.byte() {
        case 1: self = .notFound
        case 2: self = .wrongStatus(action: try reader.value(), status: try reader.value())
        case 3: self = .wrongRole(action: try reader.value(), role: try reader.value())
        case 4: self = .notOwner(action: try reader.value())
        case 5: self = .notRequester
        case 6: self = .wrongTeam(team: try reader.value())
        case 7: self = .missing(field: try reader.string())
        case 8: self = .invalid(field: try reader.string(), reason: try reader.string())
        case 9: self = .tooLong(field: try reader.string(), limit: try reader.unsigned32())
        case 10: self = .staleVersion(current: try reader.unsigned())
        case 11: self = .unsuitableAgent(id: try reader.value(), reason: try reader.string())
        case 12: self = .needsSupervisor
        case 13: self = .overLimit(agent: try reader.value(), maximum: try reader.unsigned32())
        case 14: self = .notDue(dueAt: try reader.value())
        case 15: self = .alreadyDone(action: try reader.value())
        case 16: self = .keyReused
        case 17: self = .staleEpoch
        default: throw reader.fault("an unknown refusal")
        }
    }
}

extension CaseReceipt: BinaryCodable {
    /// The fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(version)
        writer.write(status)
        writer.write(optional: owner)
        writer.write(at)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            id: try reader.value(),
            version: try reader.unsigned(),
            status: try reader.value(),
            owner: try reader.optional(),
            at: try reader.value()
        )
    }
}
