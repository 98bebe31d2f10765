import ClusterPrimitives

extension Actor: BinaryCodable {
    /// The fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(role)
        writer.write(array: teams)
        writer.write(array: queues)
        writer.write(array: aliases)
        writer.write(directoryVersion)
        writer.write(origin)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            id: try reader.value(),
            role: try reader.value(),
            teams: try reader.array(),
            queues: try reader.array(),
            aliases: try reader.array(),
            directoryVersion: try reader.unsigned(),
            origin: try reader.string()
        )
    }
}

extension Attachment: BinaryCodable {
    /// The fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(fileName)
        writer.write(mediaType)
        writer.write(byteCount)
        writer.write(digest)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            fileName: try reader.string(),
            mediaType: try reader.string(),
            byteCount: try reader.unsigned(),
            digest: try reader.value()
        )
    }
}

extension Interaction: BinaryCodable {
    /// The fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(channel)
        writer.write(externalKey)
        writer.write(sentAt)
        writer.write(array: info)
        writer.write(array: attachments)
        writer.write(raw)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            channel: try reader.value(),
            externalKey: try reader.string(),
            sentAt: try reader.value(),
            info: try reader.array(),
            attachments: try reader.array(),
            raw: try reader.data()
        )
    }
}

extension CaseMessage: BinaryCodable {
    /// The fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(text)
        writer.write(optional: interaction)
        writer.write(from)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            text: try reader.string(),
            interaction: try reader.optional(),
            from: try reader.string()
        )
    }
}

extension QueueFacts: BinaryCodable {
    /// Queue, team.
    public func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(team)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(id: try reader.value(), team: try reader.value())
    }
}

extension AgentFacts: BinaryCodable {
    /// The fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(role)
        writer.write(array: teams)
        writer.write(isAvailable)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            id: try reader.value(),
            role: try reader.value(),
            teams: try reader.array(),
            isAvailable: try reader.bool()
        )
    }
}

extension NewCase: BinaryCodable {
    /// The fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(title)
        writer.write(requester)
        writer.write(channel)
        writer.write(array: channelInfo)
        writer.write(firstMessage)
        writer.write(queue)
        writer.write(priority)
        writer.write(array: tags) { $0.write($1) }
        writer.write(array: fields)
        writer.write(array: links)
        writer.write(asOwner)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            title: try reader.string(),
            requester: try reader.value(),
            channel: try reader.value(),
            channelInfo: try reader.array(),
            firstMessage: try reader.value(),
            queue: try reader.value(),
            priority: try reader.value(),
            tags: try reader.array { (reader) throws(DecodingFault) in try reader.string() },
            fields: try reader.array(),
            links: try reader.array(),
            asOwner: try reader.bool()
        )
    }
}

extension FieldUpdate: BinaryCodable {
    /// The fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(optional: title)
        writer.write(optional: requesterName)
        writer.write(optional: requesterAddress)
        writer.write(optional: requesterPhone)
        writer.write(optional: priority)
        writer.write(array: fields)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            title: try reader.optionalString(),
            requesterName: try reader.optionalString(),
            requesterAddress: try reader.optionalString(),
            requesterPhone: try reader.optionalString(),
            priority: try reader.optional(),
            fields: try reader.array()
        )
    }
}
