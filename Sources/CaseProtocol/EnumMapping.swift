import CaseModel

// Every enumeration of the protocol, both ways. The numbers agree by design, and the round trip is tested;
// a number that this program does not know is refused, never guessed.

extension PBCaseStatus {
    /// The model's status in the protocol's words.
    public init(_ status: CaseStatus) {
        self = PBCaseStatus(rawValue: Int(status.rawValue)) ?? .unspecified
    }

    /// Refuses unset and unknown numbers.
    public func model(_ field: String) throws(RequestFault) -> CaseStatus {
        guard let raw = UInt8(exactly: rawValue), let status = CaseStatus(rawValue: raw) else {
            throw RequestFault(field, "\(rawValue) is not a status")
        }
        return status
    }
}

extension PBRole {
    /// The model's role in the protocol's words.
    public init(_ role: Role) { self = PBRole(rawValue: Int(role.rawValue)) ?? .unspecified }

    /// Refuses unset and unknown numbers.
    public func model(_ field: String) throws(RequestFault) -> Role {
        guard let raw = UInt8(exactly: rawValue), let role = Role(rawValue: raw) else {
            throw RequestFault(field, rawValue == 0 ? "is required" : "\(rawValue) is not a role")
        }
        return role
    }
}

extension PBPriority {
    /// The model's priority in the protocol's words.
    public init(_ priority: Priority) {
        self = PBPriority(rawValue: Int(priority.rawValue)) ?? .unspecified
    }

    /// Nil if unset; refuses unknown numbers.
    public func model(_ field: String) throws(RequestFault) -> Priority? {
        guard rawValue != 0 else { return nil }
        guard let raw = UInt8(exactly: rawValue), let priority = Priority(rawValue: raw) else {
            throw RequestFault(field, "\(rawValue) is not a priority")
        }
        return priority
    }
}

extension PBChannel {
    /// The model's channel in the protocol's words.
    public init(_ channel: Channel) {
        self = PBChannel(rawValue: Int(channel.rawValue)) ?? .unspecified
    }

    /// The `api` channel if unset; refuses unknown numbers.
    public func model(_ field: String) throws(RequestFault) -> Channel {
        guard rawValue != 0 else { return .api }
        guard let raw = UInt8(exactly: rawValue), let channel = Channel(rawValue: raw) else {
            throw RequestFault(field, "\(rawValue) is not a channel")
        }
        return channel
    }
}

extension PBLinkKind {
    /// The model's kind in the protocol's words.
    public init(_ kind: LinkKind) {
        self = PBLinkKind(rawValue: Int(kind.rawValue)) ?? .unspecified
    }

    /// Refuses unset and unknown numbers.
    public func model(_ field: String) throws(RequestFault) -> LinkKind {
        guard let raw = UInt8(exactly: rawValue), let kind = LinkKind(rawValue: raw) else {
            throw RequestFault(
                field,
                rawValue == 0 ? "is required" : "\(rawValue) is not a kind of link"
            )
        }
        return kind
    }
}
