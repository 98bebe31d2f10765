import CNghttp2

/// A header list as it was received, or the part of one to send that changes from call to call.
public struct HTTP2Headers: Sendable, Equatable {
    /// One field; the name in lower case.
    public struct Field: Sendable, Equatable {
        /// The name in lower case.
        public let name: String
        /// The value; bytes that are not UTF-8 were replaced.
        public let value: String
    }

    /// In the order of the wire.
    public private(set) var fields: [Field] = []

    /// The list was longer than `HTTP2Limits.headerListBytesMax`; the rest was dropped.
    public internal(set) var isTruncated = false

    /// Whether the stream's sender ended it with this list.
    public internal(set) var endsStream = false

    /// An empty list.
    public init() {}

    /// Adds a field; `name` must be in lower case, as the protocol wants it.
    public mutating func append(_ name: String, _ value: String) {
        assert(!name.utf8.contains { $0 >= 65 && $0 <= 90 }, "upper case in a header name")
        fields.append(Field(name: name, value: value))
    }

    /// The first value of a name.
    public subscript(name: String) -> String? {
        for field in fields where field.name == name { return field.value }
        return nil
    }

    /// The protocol's measure of a list: name, value and 32 bytes a field.
    public var listBytes: Int {
        fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 32 }
    }
}

/// Header fields that never change, sent without a copy.
///
/// `@unchecked Sendable`: the memory is written once here, never again and never freed.
public struct StaticHeaders: @unchecked Sendable {
    let vectors: UnsafeBufferPointer<nghttp2_nv>

    /// Makes a list out of literals; it lives as long as the process, so make it in a `static let`.
    public init(_ fields: [(StaticString, StaticString)]) {
        let memory = UnsafeMutableBufferPointer<nghttp2_nv>.allocate(capacity: fields.count)
        let flags = UInt8(
            NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue
        )
        for (index, field) in fields.enumerated() {
            precondition(field.0.hasPointerRepresentation && field.1.hasPointerRepresentation)
            memory.initializeElement(
                at: index,
                to: nghttp2_nv(
                    name: UnsafeMutablePointer(mutating: field.0.utf8Start),
                    value: UnsafeMutablePointer(mutating: field.1.utf8Start),
                    namelen: field.0.utf8CodeUnitCount,
                    valuelen: field.1.utf8CodeUnitCount,
                    flags: flags
                )
            )
        }
        vectors = UnsafeBufferPointer(memory)
    }

    /// No fields.
    public static let none = StaticHeaders([])
}

/// Lays a header list out for nghttp2; one a connection, so that its memory is used again.
struct HeaderEncoder {
    private var bytes: [UInt8] = []
    private var vectors: [nghttp2_nv] = []

    /// Calls `body` with all fields; the pointers die with the call. The protocol wants names with
    /// a colon first, so those of `headers` come before the fixed ones, and the rest after them.
    mutating func encode<Result>(
        _ fixed: StaticHeaders,
        _ headers: HTTP2Headers,
        _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result
    ) -> Result {
        if headers.fields.isEmpty { return body(fixed.vectors.baseAddress, fixed.vectors.count) }
        let pseudoCount = headers.fields.prefix { $0.name.utf8.first == 0x3a }.count
        bytes.removeAll(keepingCapacity: true)
        // By position: a field that is taken out has its references counted.
        for index in headers.fields.indices {
            bytes.append(contentsOf: headers.fields[index].name.utf8)
            bytes.append(contentsOf: headers.fields[index].value.utf8)
        }
        // Moved out for the closure, which may not touch `self` while `bytes` is borrowed.
        var vectors = self.vectors
        self.vectors = []
        vectors.removeAll(keepingCapacity: true)
        defer { self.vectors = vectors }
        return bytes.withUnsafeMutableBufferPointer { bytes in
            var offset = 0
            for index in headers.fields.indices {
                if index == pseudoCount { vectors.append(contentsOf: fixed.vectors) }
                let nameBytes = headers.fields[index].name.utf8.count
                let valueBytes = headers.fields[index].value.utf8.count
                vectors.append(
                    nghttp2_nv(
                        name: bytes.baseAddress.map { $0 + offset },
                        value: bytes.baseAddress.map { $0 + offset + nameBytes },
                        namelen: nameBytes,
                        valuelen: valueBytes,
                        flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)
                    )
                )
                offset += nameBytes + valueBytes
            }
            if pseudoCount == headers.fields.count { vectors.append(contentsOf: fixed.vectors) }
            return vectors.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
        }
    }
}
