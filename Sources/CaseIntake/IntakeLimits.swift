/// What intake takes in, in one place. Each has its unit and its reason.
///
/// Raw size, text, title, name, key and attachment limits equal those of the case that the contact
/// becomes: what passes here fits there.
public enum IntakeLimits {
    /// A raw mail: what a case keeps of the original. Larger ones are refused for good.
    public static let mailBytesMax = 4 * 1_024 * 1_024
    /// A chat or call record: 2,000 messages of ordinary length are a tenth of this.
    public static let recordBytesMax = 1_024 * 1_024

    /// Header fields of a mail that are read; long delivery paths have some hundred.
    public static let headerFieldsMax = 1_000
    /// Bytes of one header field that are read; lists of hundreds of recipients fit.
    public static let headerFieldBytesMax = 64 * 1_024
    /// Bytes of a subject or name before decoding; decoding is linear in words times this.
    public static let headerWordBytesMax = 16 * 1_024
    /// Multiparts within multiparts; mail programs make about five. Deeper ones become one
    /// attachment.
    public static let mimeDepthMax = 32
    /// Parts of a mail. Further ones are counted in the contact's details; the raw mail has them.
    public static let partsMax = 256
    /// Lines that could be MIME boundaries. Above it the body is not taken apart: each part costs
    /// the MIME library about 1 KiB, and 4 MiB of boundaries would cost a gigabyte.
    public static let boundaryLinesMax = 5_000
    /// Lines that could be header fields of parts. Above it the body is not taken apart, for the
    /// same reason.
    public static let headerLikeLinesMax = 50_000

    /// Text kept as a message, in bytes of UTF-8. A notice says how much is left out.
    public static let textBytesMax = 256 * 1_024
    /// A title, in bytes of UTF-8.
    public static let titleBytesMax = 1_024
    /// A name, address or file name, in bytes of UTF-8.
    public static let nameBytesMax = 320
    /// An external key, in bytes; a header line may have 998.
    public static let keyBytesMax = 900
    /// Ids in References and In-Reply-To. The newest stand last and are kept, and so is the first.
    public static let referencesMax = 100
    /// Recipients that can choose a queue.
    public static let recipientsMax = 100
    /// Colons in an address field that can open a group; further ones are read as white space.
    static let addressColonsMax = 64
    /// The same for a field of a part or of a mail within the mail, where the body is then not
    /// taken apart; address lists of real mail have a handful.
    static let partFieldColonsMax = 200
    /// Attachments named on a contact.
    public static let attachmentsMax = 256

    /// Messages of one chat.
    public static let chatMessagesMax = 2_000
    /// A field of a chat or call record that names something, in bytes of UTF-8.
    public static let recordNameBytesMax = 320
    /// A recording's reference, in bytes.
    public static let urlBytesMax = 2_048
    /// The longest call that is believed: a week, in seconds.
    public static let callSecondsMax: Int64 = 604_800

    /// Quote marks written before a line of converted HTML; deeper quotes look like this deep.
    static let quoteDepthMax = 16
    /// Lines that one attribution ("On ... wrote:") can be wrapped over.
    static let attributionLinesMax = 4
    /// Bytes of a line that can be an mbox separator; RFC 5322 allows 998 in any line.
    static let separatorLineBytesMax = 1_024
}
