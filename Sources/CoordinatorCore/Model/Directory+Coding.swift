import CaseModel
import ClusterPrimitives

extension Team: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(id.rawValue)
        writer.write(title)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(id: TeamID(try reader.string()), title: try reader.string())
    }
}

extension WorkQueue: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(id.rawValue)
        writer.write(title)
        writer.write(team.rawValue)
        writer.write(texts: recipients)
        writer.write(texts: requiredSkills)
        writer.write(commentPends)
        writer.write(isAIFirst)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            id: QueueID(try reader.string()),
            title: try reader.string(),
            team: TeamID(try reader.string()),
            recipients: try reader.texts(),
            requiredSkills: try reader.texts(),
            commentPends: try reader.bool(),
            isAIFirst: try reader.bool()
        )
    }
}

extension DirectoryEntry: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(id.rawValue)
        writer.write(byte: role.rawValue)
        writer.write(title)
        writer.write(texts: teams.map(\.rawValue))
        writer.write(texts: queues.map(\.rawValue))
        writer.write(texts: contacts)
        writer.write(texts: skills)
        writer.write(UInt64(caseMaximum))
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            id: try reader.principalID(),
            role: try reader.role(),
            title: try reader.string(),
            teams: try reader.texts().map { TeamID($0) },
            queues: try reader.texts().map { QueueID($0) },
            contacts: try reader.texts(),
            skills: try reader.texts(),
            caseMaximum: try reader.number32()
        )
    }
}

extension Presence: BinaryCodable {
    /// Writes the raw value.
    public func encode(to writer: inout ByteWriter) { writer.write(byte: rawValue) }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        guard let presence = Presence(rawValue: try reader.byte()) else {
            throw reader.fault("an unknown presence")
        }
        self = presence
    }
}

extension PresenceRecord: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(principalID: principal)
        writer.write(presence)
        writer.write(time: since)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            principal: try reader.principalID(),
            presence: try reader.value(),
            since: try reader.time()
        )
    }
}

extension NewToken: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(raw: secretHash.bytes)
        writer.write(principalID: principal)
        writer.write(optional: expiresAt) { $0.write(time: $1) }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            id: try reader.string(),
            secretHash: try reader.digest(),
            principal: try reader.principalID(),
            expiresAt: try reader.optional { reader throws(DecodingFault) in try reader.time() }
        )
    }
}

extension AccessToken: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(raw: secretHash.bytes)
        writer.write(principalID: principal)
        writer.write(byte: role.rawValue)
        writer.write(time: createdAt)
        writer.write(optional: expiresAt) { $0.write(time: $1) }
        writer.write(optional: revokedAt) { $0.write(time: $1) }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            id: try reader.string(),
            secretHash: try reader.digest(),
            principal: try reader.principalID(),
            role: try reader.role(),
            createdAt: try reader.time(),
            expiresAt: try reader.optional { reader throws(DecodingFault) in try reader.time() },
            revokedAt: try reader.optional { reader throws(DecodingFault) in try reader.time() }
        )
    }
}

extension OwnerNotice: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(principalID: principal)
        writer.write(byte: kind.rawValue)
        writer.write(generation)
        writer.write(shardsDone)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        let principal = try reader.principalID()
        guard let kind = Kind(rawValue: try reader.byte()) else {
            throw reader.fault("an unknown kind of notice")
        }
        self.init(
            principal: principal,
            kind: kind,
            generation: try reader.unsigned(),
            shardsDone: try reader.value()
        )
    }
}
