import ClusterPrimitives
import Testing

/// Goal: what is written comes back, and no bytes whatever trap the reader or make it allocate without end.
@Suite struct BinaryCodingTests {
    @Test(arguments: [
        UInt64(0), 1, 127, 128, 16_383, 16_384, UInt64(UInt32.max), UInt64.max >> 1, .max,
    ])
    func numbersComeBack(number: UInt64) throws {
        var writer = ByteWriter()
        writer.write(number)
        writer.write(Int64(bitPattern: number))
        writer.write(fixed: number)
        writer.write(fixed: UInt32(truncatingIfNeeded: number))
        var reader = ByteReader(writer.bytes)
        #expect(try reader.unsigned() == number)
        #expect(try reader.signed() == Int64(bitPattern: number))
        #expect(try reader.fixed64() == number)
        #expect(try reader.fixed32() == UInt32(truncatingIfNeeded: number))
        try reader.finish()
    }

    @Test func oneNumberHasOneEncoding() {
        for bytes: [UInt8] in [
            [0x80, 0x00], [0xFF, 0x00], [0x80, 0x80, 0x00],
            [UInt8](repeating: 0x80, count: 10), [UInt8](repeating: 0xFF, count: 9) + [0x02],
            [UInt8](repeating: 0xFF, count: 10) + [0x00],
        ] {
            #expect(throws: DecodingFault.self, "\(bytes)") {
                var reader = ByteReader(bytes)
                _ = try reader.unsigned()
            }
        }
    }

    @Test func wrongValuesFault() {
        func faults(_ bytes: [UInt8], _ read: (inout ByteReader) throws -> Void) {
            #expect(throws: DecodingFault.self, "\(bytes)") {
                var reader = ByteReader(bytes)
                try read(&reader)
            }
        }
        faults([2]) { _ = try $0.bool() }
        faults([2, 0xC3, 0x28]) { _ = try $0.string() }
        faults([3, 0xED, 0xA0, 0x80]) { _ = try $0.string() }
        faults([5, 1]) { _ = try $0.data() }
        // A length that would fill the memory is more than what is left.
        faults([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]) { _ = try $0.data() }
        faults([0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0]) { _ = try $0.array(of: Timestamp.self) }
        faults([0x80, 0x80, 0x80, 0x80, 0x10]) { _ = try $0.unsigned32() }
        faults([0]) { _ = try $0.formatVersion(upTo: 1, of: "a test") }
        faults([2]) { _ = try $0.formatVersion(upTo: 1, of: "a test") }
        faults([1, 2]) { reader in
            _ = try reader.byte()
            try reader.finish()
        }
        faults([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]) {
            _ = try $0.value(CaseID.self)
        }
    }

    @Test(arguments: UInt64(1)...128)
    func nothingTraps(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let count = Int(generator.next() % 24)
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            // A slice that doesn't begin at 0 finds a reader that counts from the wrong place.
            var reader = ByteReader(([9, 9, 9] + bytes)[3...])
            do throws(DecodingFault) {
                while reader.remaining > 0 {
                    let before = reader.offset
                    try readAnything(&reader, Int(generator.next() % 12))
                    guard reader.offset > before else { break }
                }
            } catch {
                #expect(error.offset <= count, "SIM_SEED=\(seed)")
            }
            #expect(reader.offset + reader.remaining == count, "SIM_SEED=\(seed)")
        }
    }

    private func readAnything(_ reader: inout ByteReader, _ kind: Int) throws(DecodingFault) {
        switch kind {
        case 0: _ = try reader.byte()
        case 1: _ = try reader.bool()
        case 2: _ = try reader.unsigned()
        case 3: _ = try reader.signed()
        case 4: _ = try reader.fixed32()
        case 5: _ = try reader.fixed64()
        case 6: _ = try reader.data()
        case 7: _ = try reader.string()
        case 8: _ = try reader.optionalString()
        case 9: _ = try reader.array(of: CaseID.self)
        case 10: _ = try reader.optional(SHA256Digest.self)
        default: _ = try reader.raw(3)
        }
    }

    @Test func sharedShapesComeBack() throws {
        let digest = SHA256Digest(hashing: [1])
        var writer = ByteWriter()
        writer.write(optional: digest)
        writer.write(optional: Timestamp?.none)
        writer.write(optional: "text")
        writer.write(array: [TimeSpan.days(7), TimeSpan(milliseconds: -1)])
        var reader = ByteReader(writer.bytes)
        #expect(try reader.optional(SHA256Digest.self) == digest)
        #expect(try reader.optional(Timestamp.self) == nil)
        #expect(try reader.optionalString() == "text")
        #expect(try reader.array(of: TimeSpan.self) == [.days(7), TimeSpan(milliseconds: -1)])
        try reader.finish()
    }
}
