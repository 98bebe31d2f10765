import ClusterPrimitives

/// What a mail's structure comes to: its text, its files, and the mails within it.
struct BodyText {
    private(set) var text = ""
    private(set) var attachments: [Attachment] = []
    /// Message-IDs of mails that a delivery report returns.
    private(set) var returnedIDs: [String] = []

    init(_ root: MIMENode) {
        text = TextHygiene.multiline(body(of: root, isReport: false))
    }

    /// The text to show for `node`; files on the way are added to `attachments`.
    private mutating func body(of node: MIMENode, isReport: Bool) -> String {
        switch node {
        case .leaf(let leaf):
            guard leaf.isBody else {
                if isReport { noteReturned(leaf) }
                attach(leaf)
                return ""
            }
            return Self.text(of: leaf)
        case .message(let leaf):
            if isReport { noteReturned(leaf) }
            attach(leaf)
            return ""
        case .multipart(let subtype, _, let children):
            switch subtype {
            case "alternative": return alternative(children)
            case "related", "signed", "report", "appledouble":
                return firstAndFiles(children, isReport: subtype == "report")
            default:
                let texts = children.map { body(of: $0, isReport: false) }
                return texts.filter { !TextHygiene.isBlank($0) }.joined(separator: "\n\n")
            }
        }
    }

    /// The same content in several forms: plain text if it says anything, else the first form that
    /// does.
    private mutating func alternative(_ children: [MIMENode]) -> String {
        var best = ""
        var isBestPlain = false
        for child in children {
            let text = body(of: child, isReport: false)
            guard !TextHygiene.isBlank(text), !isBestPlain else { continue }
            if case .leaf(let leaf) = child, !leaf.isHTML {
                best = text
                isBestPlain = true
            } else if best.isEmpty {
                best = text
            }
        }
        return best
    }

    /// The first part is the message; the others belong to it: pictures, a signature, a report's
    /// evidence.
    private mutating func firstAndFiles(_ children: [MIMENode], isReport: Bool) -> String {
        guard let first = children.first else { return "" }
        let text = body(of: first, isReport: isReport)
        for child in children.dropFirst() {
            switch child {
            case .leaf(let leaf), .message(let leaf):
                if isReport { noteReturned(leaf) }
                attach(leaf)
            case .multipart:
                _ = body(of: child, isReport: isReport)
            }
        }
        return text
    }

    private mutating func noteReturned(_ leaf: MIMELeaf) {
        guard
            leaf.mediaType.hasPrefix("message/rfc822") || leaf.mediaType == "text/rfc822-headers"
                || leaf.mediaType == "message/global"
        else { return }
        let headers = HeaderBlock(parsing: leaf.content)
        if let field = headers.first("message-id"), let id = MailThreading.messageID(in: field) {
            returnedIDs.append(id)
        }
    }

    private mutating func attach(_ leaf: MIMELeaf) {
        guard attachments.count < IntakeLimits.attachmentsMax else { return }
        attachments.append(
            Attachment(
                fileName: fileName(of: leaf),
                mediaType: leaf.mediaType,
                byteCount: leaf.content.count,
                digest: SHA256Digest(hashing: leaf.content)
            )
        )
    }

    /// The last component of the name given: a path in it must never lead anywhere.
    private func fileName(of leaf: MIMELeaf) -> String {
        let given = leaf.fileName ?? ""
        let last = given.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? ""
        let name = TextHygiene.line(String(last), bytesMax: IntakeLimits.nameBytesMax)
        if !name.isEmpty, name != ".", name != ".." { return name }
        if leaf.mediaType == "message/rfc822" {
            let subject = HeaderBlock(parsing: leaf.content).first("subject").map(
                EncodedWords.decode
            )
            let safe = (subject ?? "").filter { $0 != "/" && $0 != "\\" }
            let line = TextHygiene.line(safe, bytesMax: IntakeLimits.nameBytesMax - 4)
            if !line.isEmpty { return "\(line).eml" }
        }
        return "attachment-\(attachments.count + 1)"
    }

    private static func text(of leaf: MIMELeaf) -> String {
        if leaf.isHTML {
            let charset = leaf.charset ?? HTMLText.declaredCharset(in: leaf.content)
            return HTMLText.plain(CharsetDecoder.decode(leaf.content, charset: charset))
        }
        let text = CharsetDecoder.decode(leaf.content, charset: leaf.charset)
        return leaf.isFlowed ? FlowedText.joined(text, deletesSpace: leaf.deletesSpace) : text
    }
}

/// Undoes `format=flowed` (RFC 3676): a line that ends with a space goes on in the next one of its
/// quote depth.
enum FlowedText {
    static func joined(_ text: String, deletesSpace: Bool) -> String {
        var lines: [String] = []
        var openDepth: Int?
        let source = text.utf8.split(separator: 10, omittingEmptySubsequences: false)
        for raw in source {
            let line = raw.last == 13 ? raw.dropLast() : raw
            let depth = line.prefix { $0 == UInt8(ascii: ">") }.count
            var content = line.dropFirst(depth)
            if content.first == 32 { content = content.dropFirst() }  // Space-stuffing.
            let isSignature = content.elementsEqual("-- ".utf8)
            let flows = content.last == 32 && !isSignature
            var piece = String(decoding: content, as: UTF8.self)
            if flows, deletesSpace { piece.removeLast() }
            if let openDepth, openDepth == depth, !isSignature, let last = lines.indices.last {
                lines[last] += piece
            } else {
                let mark = depth > 0 ? String(repeating: ">", count: depth) + " " : ""
                lines.append(mark + piece)
            }
            openDepth = flows ? depth : nil
        }
        return lines.joined(separator: "\n")
    }
}
