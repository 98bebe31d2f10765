import COpenSSL

/// A SHA-256 digest, computed by libcrypto.
public struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// Hashes `message`.
    public init(hashing message: [UInt8]) {
        var digest = [UInt8](repeating: 0, count: 32)
        _ = SHA256(message, message.count, &digest)
        bytes = digest
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
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self
        )
    }

    /// Nil unless `text` is an even number of hexadecimal digits.
    public static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: characters.count, by: 2) {
            guard
                let byte = UInt8(
                    String(decoding: characters[index..<index + 2], as: UTF8.self),
                    radix: 16
                )
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
