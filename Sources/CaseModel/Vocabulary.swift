import ClusterPrimitives

/// Where a case stands. The raw values are stored; never renumber.
public enum CaseStatus: UInt8, CaseIterable, Sendable {
    /// Waits in a queue for an owner.
    case new = 1
    /// Handed up to a human who has not yet taken it; no owner.
    case escalated = 2
    /// Has an owner who has not started.
    case assigned = 3
    /// Its owner works on it.
    case open = 4
    /// On hold for internal input.
    case parked = 5
    /// Waits for the customer or an external party.
    case pending = 6
    /// Solution sent; waits for the customer until its due time; keeps its owner.
    case resolved = 7
    /// Finished.
    case closed = 8
    /// Moved to the archive in the night after closing.
    case archived = 9
    /// Tombstone: content erased, audit chain intact.
    case deleted = 10

    /// Somebody may still have to act: before resolved.
    public var isLive: Bool { rawValue <= CaseStatus.pending.rawValue }

    /// Exactly one owner in these, none in new and escalated.
    public var hasOwner: Bool {
        switch self {
        case .assigned, .open, .parked, .pending, .resolved: true
        default: false
        }
    }
}

/// In which capacity somebody acts. The raw values are stored; never renumber.
public enum Role: UInt8, CaseIterable, Sendable {
    /// The customer.
    case requester = 1
    /// A human who handles cases.
    case agent = 2
    /// Sees and manages every case.
    case supervisor = 3
    /// Reads everything in its teams, changes nothing.
    case reviewer = 4
    /// A program that handles incoming cases; never has the final say.
    case aiAgent = 5
    /// Manages the cluster and its directory; no rights on cases.
    case admin = 6
    /// The coordinator's timers, rules and dispatcher; never a person.
    case system = 7
    /// A channel that takes contacts in: mail, chat, calls.
    case intake = 8
}

/// How urgent. The raw values are stored and order queues; never renumber.
public enum Priority: UInt8, CaseIterable, Sendable {
    /// Can wait.
    case low = 1
    /// The default.
    case normal = 2
    /// Before normal.
    case high = 3
    /// Before all.
    case urgent = 4
}

/// The way a contact came in. The raw values are stored; never renumber.
public enum Channel: UInt8, CaseIterable, Sendable {
    /// E-mail.
    case email = 1
    /// Web chat.
    case chat = 2
    /// Telephone.
    case call = 3
    /// A program through the protocol, or a form in front of it.
    case api = 4
}

/// How a case points at another. The raw values are stored; never renumber.
public enum LinkKind: UInt8, CaseIterable, Sendable {
    /// This case continues the other, which had ended.
    case followUpOf = 1
    /// Something to do with each other.
    case relatedTo = 2
    /// The other case continues this one.
    case followedUpBy = 3
}

/// Somebody who can act: a directory entry's name, or an address as a URI (`mailto:`, `tel:`).
public struct PrincipalID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible
{
    /// At most `CaseLimits.nameBytesMax` bytes of UTF-8.
    public let rawValue: String
    /// Wraps a name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Wraps a name.
    public init(_ rawValue: String) { self.rawValue = rawValue }
    /// Equal bytes. `String`'s own equality folds composed letters by the Unicode tables of the build, so two
    /// nodes of different builds, and SQLite beside them, could disagree.
    public static func == (left: PrincipalID, right: PrincipalID) -> Bool {
        left.rawValue.hasSameBytes(as: right.rawValue)
    }
    /// Orders by Unicode scalars, the same everywhere.
    public static func < (left: PrincipalID, right: PrincipalID) -> Bool {
        left.rawValue.unicodeScalars.lexicographicallyPrecedes(right.rawValue.unicodeScalars)
    }
    /// The name.
    public var description: String { rawValue }
}

/// A team's name.
public struct TeamID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// At most `CaseLimits.nameBytesMax` bytes of UTF-8.
    public let rawValue: String
    /// Wraps a name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Wraps a name.
    public init(_ rawValue: String) { self.rawValue = rawValue }
    /// Equal bytes. `String`'s own equality folds composed letters by the Unicode tables of the build, so two
    /// nodes of different builds, and SQLite beside them, could disagree.
    public static func == (left: TeamID, right: TeamID) -> Bool {
        left.rawValue.hasSameBytes(as: right.rawValue)
    }
    /// Orders by Unicode scalars, the same everywhere.
    public static func < (left: TeamID, right: TeamID) -> Bool {
        left.rawValue.unicodeScalars.lexicographicallyPrecedes(right.rawValue.unicodeScalars)
    }
    /// The name.
    public var description: String { rawValue }
}

/// A work queue's name.
public struct QueueID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// At most `CaseLimits.nameBytesMax` bytes of UTF-8.
    public let rawValue: String
    /// Wraps a name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Wraps a name.
    public init(_ rawValue: String) { self.rawValue = rawValue }
    /// Equal bytes. `String`'s own equality folds composed letters by the Unicode tables of the build, so two
    /// nodes of different builds, and SQLite beside them, could disagree.
    public static func == (left: QueueID, right: QueueID) -> Bool {
        left.rawValue.hasSameBytes(as: right.rawValue)
    }
    /// Orders by Unicode scalars, the same everywhere.
    public static func < (left: QueueID, right: QueueID) -> Bool {
        left.rawValue.unicodeScalars.lexicographicallyPrecedes(right.rawValue.unicodeScalars)
    }
    /// The name.
    public var description: String { rawValue }
}

/// The limits of what a case takes. Each is checked before anything is proposed and again in `decide`.
public enum CaseLimits {
    /// Bytes of a principal's, team's, queue's, tag's or field's name: room for any mail address (RFC 5321: 254).
    public static let nameBytesMax = 320
    /// Bytes of a title: a subject of three folded lines.
    public static let titleBytesMax = 1_024
    /// Bytes of a comment, note, reason or message: a long mail's text; longer ones are cut by intake.
    public static let textBytesMax = 256 * 1_024
    /// Bytes of a raw message kept with a case.
    public static let rawBytesMax = 4 * 1_024 * 1_024
    /// Tags on one case.
    public static let tagsMax = 64
    /// Custom fields on one case.
    public static let fieldsMax = 64
    /// Bytes of a custom field's value.
    public static let fieldValueBytesMax = 4_096
    /// Links of one case; a follow-up's link back still fits when this is reached.
    public static let linksMax = 256
    /// Attachments described with one message.
    public static let attachmentsMax = 256
    /// Bytes of an idempotency key: the longest legal Message-ID line (RFC 5322: 998).
    public static let keyBytesMax = 1_000
    /// Bytes of the salt that a content's hash is taken with.
    public static let saltBytes = 16
}
