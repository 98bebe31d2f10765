import CaseProtocol
import ClusterPrimitives

/// Opaque tokens: bytes in the URL-safe base 64 of RFC 4648, without padding.
enum PageToken {
    /// Longer texts are no tokens: the longest, a feed position of 1,024 shards, has under 14 KiB.
    static let bytesMax = 16 << 10

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
    )

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let chunk = bytes[start..<min(start + 3, bytes.count)]
            var word = chunk.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            word <<= 8 * UInt32(3 - chunk.count)
            for position in 0...chunk.count {
                text.append(alphabet[Int(word >> UInt32(18 - 6 * position) & 63)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for what `encode` never writes.
    static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count <= bytesMax, characters.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: characters.count, by: 4) {
            let chunk = characters[start..<min(start + 4, characters.count)]
            var word: UInt32 = 0
            for character in chunk {
                guard let value = alphabet.firstIndex(of: character) else { return nil }
                word = word << 6 | UInt32(value)
            }
            word <<= 6 * UInt32(4 - chunk.count)
            for position in 0..<chunk.count - 1 {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(16 - 8 * position)))
            }
        }
        return bytes
    }
}

/// Where a consumer stands in the feeds of all shards.
struct FeedPosition: Equatable, BinaryCodable {
    private static let formatVersion: UInt8 = 1

    /// The cluster's incarnation: positions from before a restore name other changes.
    var incarnation: UInt64
    /// By shard: the last position that was given out.
    var positions: [UInt64]

    init(incarnation: UInt64, positions: [UInt64]) {
        self.incarnation = incarnation
        self.positions = positions
    }

    func encode(to writer: inout ByteWriter) {
        writer.write(byte: Self.formatVersion)
        writer.write(incarnation)
        writer.write(array: positions) { $0.write($1) }
    }

    init(from reader: inout ByteReader) throws(DecodingFault) {
        guard try reader.byte() == Self.formatVersion else {
            throw reader.fault("an unknown token format")
        }
        incarnation = try reader.unsigned()
        positions = try reader.array { reader throws(DecodingFault) in try reader.unsigned() }
    }

    var token: String { PageToken.encode(encodedBytes) }

    /// Reads a client's token.
    init(token: String, shardCount: Int) throws(WireError) {
        let fault = RequestFault("resume_token", "was not given out by this cluster")
        guard let bytes = PageToken.decode(token) else { throw WireError(fault) }
        do {
            try self.init(decoding: bytes)
        } catch { throw WireError(fault) }
        guard positions.count == shardCount else { throw WireError(fault) }
    }
}
