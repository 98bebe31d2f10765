import COpenSSL

/// A SHA-256 digest, computed by libcrypto.
public struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// libcrypto's implementation, looked up once: its one-shot call looks it up each time, which takes
    /// longer than hashing a comment.
    ///
    /// `nonisolated(unsafe)`: never changed or freed, and libcrypto's methods may be used by any thread.
    private nonisolated(unsafe) static let method: OpaquePointer = {
        guard let method = EVP_MD_fetch(nil, "SHA256", nil) else {
            preconditionFailure("libcrypto has no SHA-256")
        }
        return method
    }()

    /// Hashes `message`.
    public init(hashing message: [UInt8]) {
        self = message.withUnsafeBytes { SHA256Digest(hashing: $0) }
    }

    /// Hashes `message`, which is not kept.
    public init(hashing message: UnsafeRawBufferPointer) {
        bytes = [UInt8](unsafeUninitializedCapacity: 32) { digest, count in
            let code = EVP_Digest(
                message.baseAddress,
                message.count,
                digest.baseAddress,
                nil,
                Self.method,
                nil
            )
            precondition(code == 1, "libcrypto can't hash: no memory")
            count = 32
        }
    }

    /// Wraps a digest that was stored; nil unless it has 32 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// 32 zero bytes: what the first link of a chain follows.
    public static let zero = SHA256Digest(unchecked: [UInt8](repeating: 0, count: 32))

    private init(unchecked: [UInt8]) { bytes = unchecked }

    /// The first 8 bytes as a big-endian number.
    public var prefix64: UInt64 { bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }

    /// Lower-case hexadecimal.
    public var description: String { Hex.encode(bytes) }
}

/// Lower-case hexadecimal.
public enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Two characters a byte.
    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
            var place = 0
            for byte in bytes {
                buffer[place] = digits[Int(byte >> 4)]
                buffer[place + 1] = digits[Int(byte & 15)]
                place += 2
            }
            return place
        }
    }

    /// Nil unless `text` is an even number of hexadecimal digits.
    public static func decode(_ text: String) -> [UInt8]? {
        let values = text.utf8.compactMap { character -> UInt8? in
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
            default: nil
            }
        }
        guard values.count == text.utf8.count, values.count % 2 == 0 else { return nil }
        return stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }
}
