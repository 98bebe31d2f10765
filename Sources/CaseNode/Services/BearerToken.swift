import ClusterPrimitives

/// The secret in an `authorization` header. By bytes: it is read for every call.
enum BearerToken {
    private static let scheme = Array("bearer ".utf8)

    /// The hash of what follows `Bearer `, in any case of letters; nil where the header has no such form.
    static func hash(in header: String) -> SHA256Digest? {
        var header = header
        return header.withUTF8 { bytes in
            guard bytes.count > scheme.count,
                bytes.prefix(scheme.count).elementsEqual(scheme, by: { isSame($0, lower: $1) })
            else { return nil }
            let secret = UnsafeRawBufferPointer(bytes)[scheme.count...]
            return SHA256Digest(hashing: UnsafeRawBufferPointer(rebasing: secret))
        }
    }

    private static func isSame(_ byte: UInt8, lower: UInt8) -> Bool {
        let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        return (isUpper ? byte + 32 : byte) == lower
    }
}
