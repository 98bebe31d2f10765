import CGMime

/// GMime's door: bytes in, values out. It parses the MIME structure and undoes transfer encodings.
///
/// Safe on any thread: each call has its own stream, parser and objects, and every one is released
/// before it returns; what GMime shares (its table of character sets) it guards itself. It writes
/// nothing that this module reads after `initialize` has run once.
enum MIMEReader {
    /// Once a process, before anything else of GMime. Swift runs it once, whichever thread comes
    /// first.
    static let initialize: Void = g_mime_init()

    /// Reads the entity whose header fields are `headers` and whose body is `body`.
    ///
    /// Only the fields that say something about MIME are passed on: a broken field elsewhere can't
    /// hide the body then, nor can a million fields fill the memory.
    static func read(headers: HeaderBlock, body: ArraySlice<UInt8>) -> MIMEStructure {
        let isMultipart = headers.keyword("content-type")?.hasPrefix("multipart/") ?? false
        let isMessage = headers.keyword("content-type")?.hasPrefix("message/") ?? false
        guard !isMultipart && !isMessage || StructureGuard.isAffordable(body) else {
            return MIMEStructure(root: .leaf(.plain(Array(body))), isOpaque: true)
        }
        var entity: [UInt8] = []
        entity.reserveCapacity(body.count + 1_024)
        append("content-type", of: headers, to: &entity) { $0.contains(UInt8(ascii: "/")) }
        append("content-transfer-encoding", of: headers, to: &entity) { _ in true }
        append("content-disposition", of: headers, to: &entity) { _ in true }
        append("content-id", of: headers, to: &entity) { _ in true }
        entity.append(UInt8(ascii: "\n"))
        entity.append(contentsOf: body)
        return parse(entity) ?? MIMEStructure(root: .leaf(.plain(Array(body))), isOpaque: true)
    }

    private static func append(
        _ name: String,
        of headers: HeaderBlock,
        to entity: inout [UInt8],
        where isUsable: ([UInt8]) -> Bool
    ) {
        guard let value = headers.first(name), isUsable(value) else { return }
        entity.append(contentsOf: "\(name): ".utf8)
        entity.append(contentsOf: value.filter { $0 != 0 && $0 != 13 && $0 != 10 })
        entity.append(UInt8(ascii: "\n"))
    }

    private static func parse(_ entity: [UInt8]) -> MIMEStructure? {
        initialize
        // The stream copies the bytes.
        let stream = entity.withUnsafeBytes { buffer in
            g_mime_stream_mem_new_with_buffer(
                buffer.baseAddress?.assumingMemoryBound(to: CChar.self),
                buffer.count
            )
        }
        guard let stream else { return nil }
        defer { cgmime_unref(stream) }
        guard let parser = g_mime_parser_new_with_stream(stream) else { return nil }
        defer { cgmime_unref(parser) }
        guard let object = g_mime_parser_construct_part(parser, nil) else { return nil }
        defer { cgmime_unref(object) }
        var walk = MIMEWalk()
        guard let root = walk.node(of: object, depth: 0) else { return nil }
        return MIMEStructure(root: root, omittedParts: walk.omittedParts)
    }
}

/// Turns GMime's tree into values, within the limits on depth and parts. Owns nothing: the caller
/// holds the tree's root for as long as it walks.
private struct MIMEWalk {
    private var partCount = 0
    private(set) var omittedParts = 0

    mutating func node(of object: UnsafeMutablePointer<GMimeObject>, depth: Int) -> MIMENode? {
        partCount += 1
        guard partCount <= IntakeLimits.partsMax else {
            omittedParts += 1
            return nil
        }
        if let multipart = cgmime_as_multipart(object) {
            guard depth < IntakeLimits.mimeDepthMax else {
                return .leaf(leaf(of: object, mediaType: "application/octet-stream", whole(object)))
            }
            var children: [MIMENode] = []
            for index in 0..<max(0, g_mime_multipart_get_count(multipart)) {
                guard let child = g_mime_multipart_get_part(multipart, index),
                    let node = node(of: child, depth: depth + 1)
                else { continue }
                children.append(node)
            }
            if children.isEmpty, let prologue = g_mime_multipart_get_prologue(multipart) {
                // No boundary was found: what stands there instead of parts is the text.
                let bytes = UnsafeBufferPointer(start: prologue, count: strlen(prologue))
                return .leaf(.plain(bytes.map { UInt8(bitPattern: $0) }))
            }
            return .multipart(
                subtype: subtype(of: object),
                reportType: parameter("report-type", of: object)?.lowercased(),
                children
            )
        }
        if let part = cgmime_as_message_part(object) {
            let message = g_mime_message_part_get_message(part)
            let content = cgmime_message_as_object(message).map { whole($0) } ?? []
            return .message(leaf(of: object, mediaType: mediaType(of: object), content))
        }
        guard let part = cgmime_as_part(object) else { return nil }
        return .leaf(leaf(of: object, mediaType: mediaType(of: object), content(of: part)))
    }

    private func leaf(
        of object: UnsafeMutablePointer<GMimeObject>,
        mediaType: String,
        _ content: [UInt8]
    ) -> MIMELeaf {
        MIMELeaf(
            mediaType: mediaType,
            charset: parameter("charset", of: object),
            isFlowed: parameter("format", of: object).map(ASCII.lowercased) == "flowed",
            deletesSpace: parameter("delsp", of: object).map(ASCII.lowercased) == "yes",
            disposition: string(g_mime_object_get_disposition(object)).map(ASCII.lowercased),
            fileName: fileName(of: object),
            hasContentID: g_mime_object_get_content_id(object) != nil,
            content: content
        )
    }

    private func mediaType(of object: UnsafeMutablePointer<GMimeObject>) -> String {
        let type = g_mime_object_get_content_type(object)
        let major = string(g_mime_content_type_get_media_type(type)) ?? "application"
        let minor = string(g_mime_content_type_get_media_subtype(type)) ?? "octet-stream"
        return TextHygiene.line(ASCII.lowercased("\(major)/\(minor)"), bytesMax: 128)
    }

    private func subtype(of object: UnsafeMutablePointer<GMimeObject>) -> String {
        let type = g_mime_object_get_content_type(object)
        return ASCII.lowercased(string(g_mime_content_type_get_media_subtype(type)) ?? "mixed")
    }

    private func parameter(
        _ name: String,
        of object: UnsafeMutablePointer<GMimeObject>
    ) -> String? {
        string(g_mime_object_get_content_type_parameter(object, name))
    }

    /// The disposition's name before the type's. In encoded words it is read here: GMime loses the
    /// second of two.
    private func fileName(of object: UnsafeMutablePointer<GMimeObject>) -> String? {
        encodedName("filename", in: "Content-Disposition", of: object)
            ?? string(g_mime_object_get_content_disposition_parameter(object, "filename"))
            ?? encodedName("name", in: "Content-Type", of: object)
            ?? parameter("name", of: object)
    }

    private func encodedName(
        _ name: String,
        in field: String,
        of object: UnsafeMutablePointer<GMimeObject>
    ) -> String? {
        guard let headers = g_mime_object_get_header_list(object),
            let header = g_mime_header_list_get_header(headers, field),
            let raw = g_mime_header_get_raw_value(header),
            let value = EncodedParameter.value(of: name, in: Array(String(cString: raw).utf8))
        else { return nil }
        return EncodedWords.decode(value)
    }

    private func content(of part: UnsafeMutablePointer<GMimePart>) -> [UInt8] {
        guard let wrapper = g_mime_part_get_content(part) else { return [] }
        return collect { g_mime_data_wrapper_write_to_stream(wrapper, $0) }
    }

    private func whole(_ object: UnsafeMutablePointer<GMimeObject>) -> [UInt8] {
        collect { g_mime_object_write_to_stream(object, nil, $0) }
    }

    /// What `write` puts into a memory stream. It can't fail but for memory, and then GLib ends the
    /// process.
    private func collect(_ write: (UnsafeMutablePointer<GMimeStream>) -> Int) -> [UInt8] {
        guard let sink = g_mime_stream_mem_new() else { return [] }
        defer { cgmime_unref(sink) }
        _ = write(sink)
        _ = g_mime_stream_flush(sink)
        var count: gsize = 0
        guard let bytes = cgmime_memory_bytes(sink, &count) else { return [] }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    private func string(_ pointer: UnsafePointer<CChar>?) -> String? {
        pointer.map { String(cString: $0) }
    }
}

/// Finds a parameter whose value is written in encoded words, which no standard allows and most
/// mail programs send: `filename="=?UTF-8?B?...?="`, folded over lines.
enum EncodedParameter {
    /// Nil if the parameter is not there or has no encoded word: then the MIME library reads it.
    static func value(of name: String, in field: [UInt8]) -> [UInt8]? {
        let lower = field.map(ASCII.lowercased)
        let pattern = Array("\(name)=".utf8)
        guard lower.count > pattern.count else { return nil }
        for start in 1..<(lower.count - pattern.count)
        where lower[start...].starts(with: pattern) && isBoundary(lower[start - 1]) {
            var rest = field[(start + pattern.count)...].drop(while: ASCII.isBlank)
            let isQuoted = rest.first == UInt8(ascii: "\"")
            if isQuoted { rest = rest.dropFirst() }
            let value = rest.prefix {
                isQuoted ? $0 != UInt8(ascii: "\"") : $0 != UInt8(ascii: ";")
            }
            guard value.starts(with: Array("=?".utf8)) else { return nil }
            return Array(value)
        }
        return nil
    }

    private static func isBoundary(_ byte: UInt8) -> Bool {
        ASCII.isBlank(byte) || byte == UInt8(ascii: ";")
    }
}
