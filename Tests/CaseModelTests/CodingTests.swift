import CaseModel
import ClusterPrimitives
import Testing

/// Goal: one value has one encoding; reading is total, and canonical too.
/// Method: random values of every stored type, whole, cut, changed, and random bytes.
@Suite struct CodingTests {
    @Test(arguments: UInt64(1)...64)
    func everyValueComesBack(seed: UInt64) {
        var values = RandomValues(seed: seed)
        for round in 0..<40 {
            expectRoundTrip(values.record(), seed, round)
            expectRoundTrip(values.stamped(), seed, round)
            expectRoundTrip(values.command(), seed, round)
            expectRoundTrip(values.event(), seed, round)
            expectRoundTrip(values.refusal(), seed, round)
            expectRoundTrip(values.shardResult(), seed, round)
            expectRoundTrip(values.auditEntry(), seed, round)
        }
    }

    @Test(arguments: UInt64(1)...32)
    func whatIsReadFromDamagedBytesIsCanonical(seed: UInt64) {
        var values = RandomValues(seed: seed)
        for round in 0..<60 {
            let whole = values.stamped().encodedBytes
            var changed = whole
            changed[values.below(changed.count)] ^= UInt8(1 << values.below(8))
            let length = values.below(40)
            for bytes in [
                Array(whole.prefix(values.below(whole.count))), changed, values.bytes(length),
            ] {
                expectCanonicalOrFault(StampedShardCommand.self, bytes, seed, round)
                expectCanonicalOrFault(ShardResult.self, bytes, seed, round)
                expectCanonicalOrFault(CaseEvent.self, bytes, seed, round)
                expectCanonicalOrFault(CaseRecord.self, bytes, seed, round)
            }
            var record = values.record().encodedBytes
            record[values.below(record.count)] ^= UInt8(1 << values.below(8))
            expectCanonicalOrFault(CaseRecord.self, record, seed, round)
        }
    }

    @Test func everyCutFaults() {
        var values = RandomValues(seed: 9)
        for _ in 0..<20 {
            let bytes = values.stamped().encodedBytes
            for length in 0..<bytes.count {
                #expect(throws: DecodingFault.self) {
                    try StampedShardCommand(decoding: Array(bytes.prefix(length)))
                }
            }
        }
    }

    @Test func aNewerFormatIsRefused() {
        var values = RandomValues(seed: 3)
        var command = values.stamped().encodedBytes
        var record = values.record().encodedBytes
        #expect(command[0] == 1 && record[0] == 1)
        command[0] = 2
        record[0] = 2
        #expect(throws: DecodingFault.self) { try StampedShardCommand(decoding: command) }
        #expect(throws: DecodingFault.self) { try CaseRecord(decoding: record) }
    }

    /// These bytes stand in logs and stores: if this fails, the format's version must grow.
    @Test func theFormatStands() {
        let park = Fixture.command(.park(reason: "stock", until: nil), by: .owner)
        let stamped = StampedShardCommand(
            at: Timestamp(rawValue: 1_000),
            command: .onCase(
                park,
                IdempotencyScope(
                    principal: PrincipalID("olle"),
                    method: "/m",
                    key: "k",
                    requestHash: .zero
                )
            )
        )
        let golden = [
            "01d00f",  // Format 1; 1,000 ms.
            "01046f6c6c6502",  // A command on a case; olle, an agent.
            "0107737570706f7274000000093139322e302e322e37",  // Teams ... origin.
            "01819880a0cb98010c0573746f636b00",  // The case; park, its reason, until nil.
            "0010070707070707070707070707070707078090e4c0040000",  // Version, salt, 7 days, queues.
            "046f6c6c65022f6d016b",  // The key's principal, method, text.
            String(repeating: "00", count: 32),
        ]
        #expect(Hex.encode(stamped.encodedBytes) == golden.joined())
    }

    private func expectRoundTrip<Value: BinaryCodable & Equatable>(
        _ value: Value,
        _ seed: UInt64,
        _ round: Int
    ) {
        let bytes = value.encodedBytes
        do {
            let back = try Value(decoding: bytes)
            #expect(back == value, "SIM_SEED=\(seed) round=\(round)")
            #expect(back.encodedBytes == bytes, "SIM_SEED=\(seed) round=\(round)")
        } catch {
            Issue.record(
                "\(Value.self) does not come back: \(error), SIM_SEED=\(seed) round=\(round)"
            )
        }
    }

    private func expectCanonicalOrFault<Value: BinaryCodable>(
        _ type: Value.Type,
        _ bytes: [UInt8],
        _ seed: UInt64,
        _ round: Int
    ) {
        do {
            let value = try Value(decoding: bytes)
            #expect(value.encodedBytes == bytes, "\(type) SIM_SEED=\(seed) round=\(round)")
        } catch {
            #expect(error.offset <= bytes.count)
        }
    }
}
