import ClusterPrimitives

/// One contact, read from the raw bytes of its channel. A value: the same bytes give an equal one,
/// on every machine, in every locale and time zone.
public struct IncomingContact: Equatable, Sendable {
    /// The way in.
    public enum Channel: String, CaseIterable, Sendable {
        /// A mail.
        case email
        /// A web chat's transcript.
        case chat
        /// A telephone call's record.
        case call
    }

    /// Whether a machine sent it, and in which way.
    public enum AutomaticKind: String, CaseIterable, Sendable {
        /// A person wrote it, as far as can be told.
        case none
        /// A vacation notice, a receipt or another program's message.
        case autoReply
        /// A report that a mail was not delivered.
        case bounce
        /// A mailing list's or bulk mail.
        case list
    }

    /// The way in.
    public var channel: Channel
    /// What makes the contact itself, within its channel: the Message-ID without angle brackets,
    /// else `sha256:` and the digest of the bytes; `chat:` or `call:` and the id. At most
    /// `IntakeLimits.keyBytesMax` bytes.
    public var externalKey: String
    /// Who made the contact.
    public var sender: ContactSender
    /// Where it went, in the order in which the addresses may choose a queue; no address twice.
    public var recipients: [ContactAddress]
    /// One line, never empty: the subject, or `defaultTitle`.
    public var title: String
    /// What is new in it: a mail's text without the quoted history; never empty (`defaultText`).
    public var text: String
    /// All of its text, quoted history too; empty where there is none.
    public var fullText: String
    /// When it was sent, by its own account; nil where that can't be read.
    public var sentAt: Timestamp?
    /// Ids of what it answers, oldest first, in the form of `externalKey`.
    public var references: [String]
    /// The case named in the subject or record, its check character verified. A hint: it proves no
    /// right.
    public var caseIDHint: CaseID?
    /// Whether a machine sent it.
    public var automatic: AutomaticKind
    /// What came with the text, in order.
    public var attachments: [Attachment]
    /// `sv`, `en` or another two-letter code; nil where it can't be told.
    public var language: String?
    /// What else the channel says: widget, direction, recording ... Names are stable, order is
    /// fixed.
    public var details: [ContactDetail]
    /// How many bytes came in.
    public var rawByteCount: Int
    /// Of the bytes that came in.
    public var rawDigest: SHA256Digest

    /// The title of a contact that brings none.
    public static let defaultTitle = "(no subject)"
    /// The text of a contact that brings none: a case's message is never blank.
    public static let defaultText = "(no text)"
}

/// An address of some kind. Equal addresses are equal values: mail addresses are in lower case,
/// telephone numbers in E.164.
public struct ContactAddress: Hashable, Sendable {
    /// What the value is.
    public enum Kind: String, CaseIterable, Sendable {
        /// `anna@example.com`, in lower case.
        case email
        /// `+46701234567`; an inner extension is its digits.
        case phone
        /// A chat visitor, or a caller who withheld the number: a name within the channel.
        case visitor
        /// A chat widget's name.
        case widget
    }

    /// What the value is.
    public var kind: Kind
    /// At most `IntakeLimits.nameBytesMax` bytes.
    public var value: String

    /// Puts an address together; the value is in its kind's form already.
    public init(kind: Kind, value: String) {
        self.kind = kind
        self.value = value
    }
}

/// Who made a contact.
public struct ContactSender: Hashable, Sendable {
    /// The name that the sender gives, else the address; never empty.
    public var displayName: String
    /// Where an answer goes.
    public var address: ContactAddress
    /// The channel vouches for the address: a chat visitor who signed in. Never for mail: From is a
    /// claim.
    public var isVerified: Bool

    /// Puts a sender together.
    public init(displayName: String, address: ContactAddress, isVerified: Bool) {
        self.displayName = displayName
        self.address = address
        self.isVerified = isVerified
    }
}

/// What came with a mail. The content itself stays in the raw mail, which is kept with the case.
public struct Attachment: Hashable, Sendable {
    /// Without directories and control characters; `attachment-2` where the mail gives none.
    public var fileName: String
    /// `image/png`, in lower case.
    public var mediaType: String
    /// Of the decoded content.
    public var byteCount: Int
    /// Of the decoded content.
    public var digest: SHA256Digest

    /// Puts an attachment together.
    public init(fileName: String, mediaType: String, byteCount: Int, digest: SHA256Digest) {
        self.fileName = fileName
        self.mediaType = mediaType
        self.byteCount = byteCount
        self.digest = digest
    }
}

/// A name and a value that the channel adds.
public struct ContactDetail: Hashable, Sendable {
    /// `widget`, `direction` ...: the field's name in the channel's form.
    public var name: String
    /// As text.
    public var value: String

    /// Puts a detail together.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
