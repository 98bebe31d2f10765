import CaseIntake
import ClusterPrimitives
import Testing

/// Mail arrives cut, garbled and hostile. Goal: it is refused only where no sender can be read, and
/// nothing ever traps. Method: seeded damage to real and made-up mails; a naive model says who must
/// be accepted.
struct DamageTests {
    @Test(arguments: UInt64(1)...32)
    func cutsAreRefusedOnlyWithoutSender(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for bytes in try mails() {
            for _ in 0..<8 {
                let cut = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
                check(cut, "SIM_SEED=\(seed) cut=\(cut.count)")
            }
        }
    }

    @Test(arguments: UInt64(1)...32)
    func flippedBitsDoNotTrap(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for bytes in try mails() {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                let position = Int.random(in: 0..<damaged.count, using: &random)
                damaged[position] ^= UInt8(1) << UInt8.random(in: 0...7, using: &random)
            }
            check(damaged, "SIM_SEED=\(seed)")
        }
    }

    /// Pieces of mails put together anew: nested boundaries, headers in bodies, half encoded words.
    @Test(arguments: UInt64(1)...32)
    func shuffledLinesDoNotTrap(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let lines = try mails().flatMap {
            $0.split(separator: 10, omittingEmptySubsequences: false)
        }
        for _ in 0..<8 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...60, using: &random) {
                let line = lines[Int.random(in: 0..<lines.count, using: &random)]
                bytes.append(contentsOf: line)
                bytes.append(10)
            }
            check(bytes, "SIM_SEED=\(seed)")
        }
    }

    @Test(arguments: UInt64(1)...32)
    func noiseDoesNotTrap(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<16 {
            let count = Int.random(in: 0...2_000, using: &random)
            let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            check(noise, "SIM_SEED=\(seed)")
            // With a head, so that the body is reached, as HTML and as text of a random character
            // set.
            let charset =
                ["gb2312", "utf-16", "iso-2022-jp", "utf-7", "shift_jis", "hz-gb-2312", "nonsense"]
                .randomElement(using: &random) ?? "utf-8"
            let kind = Bool.random(using: &random) ? "html" : "plain"
            let head = "From: a@b.se\nContent-Type: text/\(kind); charset=\(charset)\n\n"
            check(Array(head.utf8) + noise, "SIM_SEED=\(seed) \(charset)")
        }
    }

    /// Records of the other channels: an error or a contact, never a trap, and the same each time.
    @Test(arguments: UInt64(1)...32)
    func damagedRecordsAreRefusedByName(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for text in [RecordSamples.chat, RecordSamples.call] {
            for _ in 0..<20 {
                var bytes = Array(text.utf8)
                let position = Int.random(in: 0..<bytes.count, using: &random)
                if Bool.random(using: &random) {
                    bytes.removeSubrange(position...)
                } else {
                    bytes[position] = UInt8.random(in: 0...255, using: &random)
                }
                #expect(outcome(bytes, ChatParser.parse) == outcome(bytes, ChatParser.parse))
                #expect(outcome(bytes, CallParser.parse) == outcome(bytes, CallParser.parse))
            }
        }
    }

    private func mails() throws -> [[UInt8]] {
        Fixtures.awkward + (Fixtures.hasSamples ? try Fixtures.allSamples().map(\.bytes) : [])
    }

    private func outcome(
        _ bytes: [UInt8],
        _ parse: ([UInt8], String?) throws(IntakeError) -> IncomingContact
    ) -> String {
        do {
            return try parse(bytes, "46").externalKey
        } catch {
            return error.description
        }
    }

    /// Parses, and compares with what a naive reader of the four sender fields says.
    private func check(_ bytes: [UInt8], _ context: String) {
        do {
            let contact = try MailParser.parse(bytes)
            #expect(!contact.title.isEmpty && !contact.text.isEmpty, "\(context)")
            #expect(!contact.sender.address.value.isEmpty, "\(context)")
            #expect(contact.rawByteCount == bytes.count, "\(context)")
            #expect(NaiveSender.mayExist(in: bytes), "\(context): a sender out of nothing")
        } catch {
            #expect(error == .noSender, "\(context)")
            #expect(!NaiveSender.mustExist(in: bytes), "\(context): a readable sender was refused")
        }
    }
}

/// A second opinion on whether a mail names its sender, as simple as can be.
enum NaiveSender {
    private static let fields = ["from:", "sender:", "reply-to:", "return-path:"]

    /// One of the fields holds a plain `word@word`.
    static func mustExist(in bytes: [UInt8]) -> Bool {
        values(in: bytes).contains { value in
            let words = value.split { !isWordByte($0) && $0 != 64 }
            // Quotes, comments and encoded words can swallow an address: those are for the parser
            // to judge.
            guard !value.contains(where: { "\"(\\=".utf8.contains($0) || $0 >= 127 || $0 < 32 })
            else {
                return false
            }
            return words.contains { word in
                let parts = word.split(separator: 64, omittingEmptySubsequences: false)
                return parts.count == 2
                    && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy(isLetter) }
            }
        }
    }

    /// One of the fields holds anything at all.
    static func mayExist(in bytes: [UInt8]) -> Bool {
        values(in: bytes).contains { value in
            value.contains { $0 > 32 && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
        }
    }

    private static func values(in bytes: [UInt8]) -> [[UInt8]] {
        var values: [[UInt8]] = []
        var isSenderField = false
        var isAtStart = true
        for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
            let text = line.last == 13 ? line.dropLast() : line
            if text.isEmpty {
                if isAtStart { continue }
                break
            }
            isAtStart = false
            if text.first == 32 || text.first == 9 {
                if isSenderField, let last = values.popLast() { values.append(last + text) }
                continue
            }
            let lower = String(decoding: text, as: UTF8.self).lowercased()
            if let field = fields.first(where: { lower.hasPrefix($0) }) {
                isSenderField = true
                values.append(Array(text.dropFirst(field.utf8.count)))
            } else {
                isSenderField = false
            }
        }
        return values
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 32)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        byte > 32 && byte < 127 && !"<>,;:()[]\"\\@".utf8.contains(byte)
    }
}
