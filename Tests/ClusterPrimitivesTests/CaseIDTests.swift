import ClusterPrimitives
import Testing

/// A case id survives being read out over the phone, and a shard never gives one twice.
@Suite struct CaseIDTests {
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")

    private func random(_ generator: inout SeededGenerator) -> CaseID {
        CaseID(
            tick: generator.next() >> 24,
            shard: ShardID(UInt16(generator.next() % 1024)),
            sequence: generator.next() % 1024
        )
    }

    private func parse(_ characters: [Character]) -> Result<CaseID, CaseIDError> {
        do throws(CaseIDError) {
            return .success(try CaseID(parsing: String(characters)))
        } catch {
            return .failure(error)
        }
    }

    @Test(arguments: UInt64(1)...32)
    func everySingleErrorIsCaught(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let id = random(&generator)
        let characters = Array(id.description)
        #expect(parse(characters) == .success(id))
        for position in characters.indices {
            for wrong in Self.alphabet where wrong != characters[position] {
                var changed = characters
                changed[position] = wrong
                #expect(parse(changed) == .failure(.badCheckCharacter), "SIM_SEED=\(seed)")
            }
        }
    }

    @Test(arguments: UInt64(1)...256)
    func everyNeighbourSwapIsCaught(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let characters = Array(random(&generator).description)
        for position in characters.indices.dropLast()
        where characters[position] != characters[position + 1] {
            var swapped = characters
            swapped.swapAt(position, position + 1)
            #expect(parse(swapped) == .failure(.badCheckCharacter), "SIM_SEED=\(seed)")
        }
    }

    /// Any two different neighbours, not only those that random ids have.
    @Test func everyPairOfNeighboursIsToldApart() {
        for first in UInt64(0)..<32 {
            for second in UInt64(0)..<32 where first != second {
                guard let id = CaseID(rawValue: first << 35 | second << 30) else {
                    Issue.record("not an id")
                    return
                }
                var characters = Array(id.description)
                characters.swapAt(4, 5)
                #expect(parse(characters) == .failure(.badCheckCharacter), "\(first) \(second)")
            }
        }
    }

    @Test(arguments: UInt64(1)...64)
    func isReadAsPeopleWriteIt(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let id = random(&generator)
        let text = id.description
        #expect(text.count == 13)
        #expect(try CaseID(parsing: text.lowercased()) == id)
        let heard = text.map { $0 == "1" ? Character("l") : $0 == "0" ? "o" : $0 }
        #expect(try CaseID(parsing: String(heard)) == id)
        let also = text.map { $0 == "1" ? Character("I") : $0 == "0" ? "O" : $0 }
        #expect(try CaseID(parsing: String(also)) == id)
        let spaced = "\(text.prefix(4))-\(text.dropFirst(4).prefix(4)) \(text.dropFirst(8))"
        #expect(try CaseID(parsing: spaced) == id)
    }

    @Test func whatIsNoIDSaysWhy() {
        #expect(throws: CaseIDError.badLength) { try CaseID(parsing: "") }
        #expect(throws: CaseIDError.badLength) { try CaseID(parsing: "0123456789AB") }
        #expect(throws: CaseIDError.badLength) { try CaseID(parsing: "00000000000000") }
        #expect(throws: CaseIDError.badCharacter) { try CaseID(parsing: "000000000000U") }
        #expect(throws: CaseIDError.badCharacter) { try CaseID(parsing: "00000000000é0") }
        #expect(throws: CaseIDError.badCheckCharacter) { try CaseID(parsing: "0000000000001") }
        #expect(CaseID(rawValue: 1 << 60) == nil)
    }

    @Test func carriesItsParts() {
        let id = CaseID(tick: (1 << 40) - 1, shard: ShardID(1023), sequence: 1023)
        #expect(id.rawValue == (1 << 60) - 1)
        #expect(id.tick == (1 << 40) - 1 && id.shard == ShardID(1023) && id.sequence == 1023)
        #expect(id.description.hasPrefix("ZZZZZZZZZZZZ"))
    }

    @Test func nextIsMonotoneAndAFullSequenceTakesTheNextTick() {
        let shard = ShardID(5)
        let time = CaseID.epoch + TimeSpan(milliseconds: 1_234)
        var last = CaseID.next(after: nil, at: time, in: shard)
        #expect(last.tick == 123 && last.sequence == 0 && last.shard == shard)
        for count in UInt64(1)..<CaseID.sequenceCount {
            let next = CaseID.next(after: last, at: time, in: shard)
            #expect(next.tick == 123 && next.sequence == count)
            last = next
        }
        let spilled = CaseID.next(after: last, at: time, in: shard)
        #expect(spilled.tick == 124 && spilled.sequence == 0)
        // Time that has not caught up yet goes on from there, and so does time before the epoch.
        #expect(CaseID.next(after: spilled, at: time, in: shard).tick == 124)
        #expect(CaseID.next(after: spilled, at: .zero, in: shard) > spilled)
        #expect(CaseID.next(after: nil, at: .zero, in: shard).tick == 0)
    }

    @Test(arguments: UInt64(1)...16)
    func nextGrowsWhateverTheClockDoes(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var last: CaseID?
        for _ in 0..<5_000 {
            let wobble = Int64(generator.next() % 40)
            let time = CaseID.epoch + TimeSpan(milliseconds: 100_000 + wobble)
            let next = CaseID.next(after: last, at: time, in: ShardID(2))
            #expect(last.map { next > $0 } ?? true, "SIM_SEED=\(seed)")
            #expect(next.tick >= UInt64(100_000 + wobble) / 10, "SIM_SEED=\(seed)")
            last = next
        }
    }
}
