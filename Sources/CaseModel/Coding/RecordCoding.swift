import ClusterPrimitives

extension Requester: BinaryCodable {
    /// The four fields in order.
    public func encode(to writer: inout ByteWriter) {
        writer.write(principal)
        writer.write(name)
        writer.write(address)
        writer.write(phone)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            principal: try reader.value(),
            name: try reader.string(),
            address: try reader.string(),
            phone: try reader.string()
        )
    }
}

extension NamedValue: BinaryCodable {
    /// Name, value.
    public func encode(to writer: inout ByteWriter) {
        writer.write(name)
        writer.write(value)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(try reader.string(), try reader.string())
    }
}

extension CaseLink: BinaryCodable {
    /// Kind, the other case.
    public func encode(to writer: inout ByteWriter) {
        writer.write(kind)
        writer.write(other)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(kind: try reader.value(), other: try reader.value())
    }
}

extension EscalationTarget: BinaryCodable {
    /// Tag 1 queue, 2 team, 3 supervisor.
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .queue(let queue):
            writer.write(byte: 1)
            writer.write(queue)
        case .team(let team):
            writer.write(byte: 2)
            writer.write(team)
        case .supervisor:
            writer.write(byte: 3)
        }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        switch try reader.byte() {
        case 1: self = .queue(try reader.value())
        case 2: self = .team(try reader.value())
        case 3: self = .supervisor
        default: throw reader.fault("an unknown escalation target")
        }
    }
}

extension Escalation: BinaryCodable {
    /// The three fields in order.
    public func encode(to writer: inout ByteWriter) {
        writer.write(by)
        writer.write(reason)
        writer.write(target)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            by: try reader.value(),
            reason: try reader.string(),
            target: try reader.value()
        )
    }
}

extension PendingReason: BinaryCodable {
    /// Tag 1 requester, 2 external.
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .requester:
            writer.write(byte: 1)
        case .external(let party, let reason):
            writer.write(byte: 2)
            writer.write(party)
            writer.write(reason)
        }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        switch try reader.byte() {
        case 1: self = .requester
        case 2: self = .external(party: try reader.string(), reason: try reader.string())
        default: throw reader.fault("an unknown pending reason")
        }
    }
}

extension Survey: BinaryCodable {
    /// Rating, text.
    public func encode(to writer: inout ByteWriter) {
        writer.write(byte: rating)
        writer.write(text)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(rating: try reader.byte(), text: try reader.string())
    }
}

extension CaseRecord: BinaryCodable {
    /// The format written; a reader refuses a newer one.
    public static let formatVersion: UInt8 = 1

    /// The version byte, then the fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(byte: Self.formatVersion)
        writer.write(id)
        writer.write(version)
        writer.write(status)
        writer.write(title)
        writer.write(requester)
        writer.write(channel)
        writer.write(array: channelInfo)
        writer.write(createdAt)
        writer.write(updatedAt)
        writer.write(optional: owner)
        writer.write(optional: ownerRole)
        writer.write(ownershipVersion)
        writer.write(queue)
        writer.write(team)
        writer.write(priority)
        writer.write(array: tags) { $0.write($1) }
        writer.write(array: fields)
        writer.write(array: links)
        writer.write(optional: escalation)
        writer.write(optional: assignedFrom)
        writer.write(optional: declinedBy)
        writer.write(queuedAt)
        writer.write(optional: parkedReason)
        writer.write(optional: pendingReason)
        writer.write(optional: resolvedAt)
        writer.write(optional: dueAt)
        writer.write(optional: closedAt)
        writer.write(optional: archivedAt)
        writer.write(UInt64(reopenCount))
        writer.write(optional: firstResponseAt)
        writer.write(entryCount)
        writer.write(auditHead)
        writer.write(optional: survey)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        _ = try reader.formatVersion(upTo: Self.formatVersion, of: "a case record")
        let id: CaseID = try reader.value()
        let version = try reader.unsigned()
        let status: CaseStatus = try reader.value()
        let title = try reader.string()
        let requester: Requester = try reader.value()
        let channel: Channel = try reader.value()
        let channelInfo: [NamedValue] = try reader.array()
        let createdAt: Timestamp = try reader.value()
        let updatedAt: Timestamp = try reader.value()
        let owner: PrincipalID? = try reader.optional()
        let ownerRole: Role? = try reader.optional()
        let ownershipVersion = try reader.unsigned()
        self.init(
            id: id,
            requester: requester,
            queue: try reader.value(),
            team: try reader.value(),
            at: createdAt
        )
        self.version = version
        self.status = status
        self.title = title
        self.channel = channel
        self.channelInfo = channelInfo
        self.updatedAt = updatedAt
        self.owner = owner
        self.ownerRole = ownerRole
        self.ownershipVersion = ownershipVersion
        priority = try reader.value()
        tags = try reader.array { (reader) throws(DecodingFault) in try reader.string() }
        fields = try reader.array()
        links = try reader.array()
        escalation = try reader.optional()
        assignedFrom = try reader.optional()
        declinedBy = try reader.optional()
        queuedAt = try reader.value()
        parkedReason = try reader.optionalString()
        pendingReason = try reader.optional()
        resolvedAt = try reader.optional()
        dueAt = try reader.optional()
        closedAt = try reader.optional()
        archivedAt = try reader.optional()
        reopenCount = try reader.unsigned32()
        firstResponseAt = try reader.optional()
        entryCount = try reader.unsigned()
        auditHead = try reader.value()
        survey = try reader.optional()
    }
}
