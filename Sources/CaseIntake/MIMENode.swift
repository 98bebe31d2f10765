/// A mail's structure as values: the MIME library's objects do not leave `MIMEReader`.
indirect enum MIMENode {
    /// Content of one type.
    case leaf(MIMELeaf)
    /// A multipart and what it holds. `reportType` only for `multipart/report`.
    case multipart(subtype: String, reportType: String?, [MIMENode])
    /// A mail within the mail, as its bytes.
    case message(MIMELeaf)
}

/// A mail's structure, and what of it was not read.
struct MIMEStructure {
    var root: MIMENode
    /// Parts beyond the limit on their number.
    var omittedParts = 0
    /// The body is shown as it stands: taking it apart would cost too much.
    var isOpaque = false
}

/// Content of one type, its transfer encoding undone.
struct MIMELeaf {
    /// In lower case; `text/plain` where the mail says nothing.
    var mediaType: String
    /// As declared, if it is.
    var charset: String?
    /// RFC 3676: lines that end with a space go on in the next.
    var isFlowed: Bool
    /// RFC 3676: that space is no part of the text.
    var deletesSpace: Bool
    /// `attachment`, `inline` or another word, in lower case.
    var disposition: String?
    /// As declared, decoded.
    var fileName: String?
    /// Whether another part refers to it, such as a picture in HTML.
    var hasContentID: Bool
    var content: [UInt8]

    /// Text to be shown as part of the message, not a file.
    var isBody: Bool {
        guard disposition != "attachment", fileName == nil else { return false }
        return isHTML
            || ["text/plain", "text/enriched", "text/richtext", "text/markdown", "text"]
                .contains(mediaType)
    }

    /// Text of which the mail says nothing.
    static func plain(_ content: [UInt8]) -> MIMELeaf {
        MIMELeaf(
            mediaType: "text/plain",
            charset: nil,
            isFlowed: false,
            deletesSpace: false,
            disposition: nil,
            fileName: nil,
            hasContentID: false,
            content: content
        )
    }

    var isHTML: Bool { mediaType == "text/html" || mediaType == "application/xhtml+xml" }
}
