import ClusterPrimitives
import Testing

/// Known answers, and the ways that code differs from the textbook: steps of eight, seeds, sequences.
@Suite struct ChecksumTests {
    /// RFC 3720, appendix B.4, and the catalogue's check value.
    @Test func crc32cKnownAnswers() {
        #expect(CRC32C.checksum("123456789".utf8) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8]()) == 0)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46DD_794E)
        #expect(CRC32C.checksum((0..<32).reversed().map { UInt8($0) }) == 0x113F_DB5C)
    }

    @Test(arguments: 0..<40)
    func crc32cContinues(length: Int) {
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let whole = CRC32C.checksum(bytes)
        for cut in 0...length {
            let first = CRC32C.checksum(bytes[..<cut])
            #expect(CRC32C.checksum(bytes[cut...], seed: first) == whole)
        }
        // A sequence without contiguous storage takes another way.
        #expect(CRC32C.checksum(bytes.lazy.map { $0 }) == whole)
        #expect(bitwise(bytes) == whole)
    }

    private func bitwise(_ bytes: [UInt8]) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
        }
        return ~crc
    }

    /// FIPS 180-2, appendix B.
    @Test func sha256KnownAnswers() {
        #expect(
            SHA256Digest(hashing: Array("abc".utf8)).description
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        #expect(
            SHA256Digest(hashing: []).description
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
        #expect(SHA256Digest(hashing: Array("abc".utf8)).prefix64 == 0xBA78_16BF_8F01_CFEA)
        #expect(SHA256Digest(bytes: [1, 2]) == nil)
        #expect(SHA256Digest(bytes: [UInt8](repeating: 0, count: 32)) == .zero)
    }

    @Test func hexadecimal() {
        #expect(Hex.encode([0, 0x1F, 0xFF] as [UInt8]) == "001fff")
        #expect(Hex.decode("001fFF") == [0, 0x1F, 0xFF])
        for wrong in ["0", "0g", "+1", "-1", " 1", "\u{11}1", "åå"] {
            #expect(Hex.decode(wrong) == nil, "\(wrong)")
        }
    }

    /// Fixed by what is stored and replayed from seeds.
    @Test func theSeededSourceStands() {
        var generator = SeededGenerator(seed: 1_234_567)
        #expect(generator.next() == 6_457_827_717_110_365_317)
        #expect(generator.next() == 3_203_168_211_198_807_973)
        #expect(generator.next() == 9_817_491_932_198_370_423)
    }
}
