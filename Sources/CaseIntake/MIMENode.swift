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

/// Refuses to take apart what would cost far more memory than it has bytes: each boundary becomes
/// an object of the MIME library, and so does each header field of a part.
enum StructureGuard {
    static func isAffordable(_ body: ArraySlice<UInt8>) -> Bool {
        var boundaryLines = 0
        var headerLikeLines = 0
        var position = body.startIndex
        while position < body.endIndex {
            let end = body[position...].firstIndex(of: 10) ?? body.endIndex
            let line = body[position..<end]
            if line.starts(with: [45, 45]) {
                boundaryLines += 1
            } else if isHeaderLike(line) {
                headerLikeLines += 1
            }
            position = end + 1
        }
        return boundaryLines <= IntakeLimits.boundaryLinesMax
            && headerLikeLines <= IntakeLimits.headerLikeLinesMax
    }

    private static func isHeaderLike(_ line: ArraySlice<UInt8>) -> Bool {
        for byte in line {
            if byte == UInt8(ascii: ":") { return true }
            if byte <= 32 || byte >= 127 { return false }
        }
        return false
    }
}
