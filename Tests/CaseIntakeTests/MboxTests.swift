import CaseIntake
import ClusterPrimitives
import Testing

struct MboxTests {
    static let box = """
        From anna@example.com Mon Mar  2 08:15:30 2026
        From: anna@example.com
        Subject: one

        >From the beginning it was slow.
        >>From quoted
        From here on, an unescaped line, not below a blank one.

        From now on: an unescaped line below a blank one, but without a date.

        From - Mon Mar  2 08:16:00 2026
        From: bo@example.com

        From MAILER-DAEMON Mon Mar  2 08:17:00 2026
        From: cia@example.com

        last

        """

    static let messages = [
        """
        From: anna@example.com
        Subject: one

        From the beginning it was slow.
        >From quoted
        From here on, an unescaped line, not below a blank one.

        From now on: an unescaped line below a blank one, but without a date.

        """,
        "From: bo@example.com\n",
        "From: cia@example.com\n\nlast\n",
    ]

    private func texts(_ items: [MboxSplitter.Item]) -> [String] {
        items.map {
            switch $0 {
            case .message(let bytes): String(decoding: bytes, as: UTF8.self)
            case .tooLarge(let number, let bytes, let limit): "\(number): \(bytes) > \(limit)"
            }
        }
    }

    @Test func splits() {
        var splitter = MboxSplitter()
        let items = splitter.append(Array(Self.box.utf8)) + splitter.finish()
        #expect(texts(items) == Self.messages)
    }

    /// The cut into chunks changes nothing.
    @Test(arguments: UInt64(1)...64)
    func chunksDoNotMatter(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var splitter = MboxSplitter()
        var items: [MboxSplitter.Item] = []
        var rest = Array(Self.box.utf8)[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...50, using: &random)
            items += splitter.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        items += splitter.finish()
        #expect(texts(items) == Self.messages, "SIM_SEED=\(seed)")
    }

    @Test func windowsLineEnds() {
        var splitter = MboxSplitter()
        let bytes = Array(Self.box.replacing("\n", with: "\r\n").utf8)
        let items = splitter.append(bytes) + splitter.finish()
        #expect(texts(items) == Self.messages.map { $0.replacing("\n", with: "\r\n") })
    }

    /// One that is too large is reported and forgotten; the next one comes through.
    @Test func largeOnesDoNotBlockTheNext() {
        var splitter = MboxSplitter(messageBytesMax: 10_000)
        var items = splitter.append(Array("From a Mon Mar  2 08:15:30 2026\n".utf8))
        for _ in 0..<1_000 {
            items += splitter.append(Array(repeating: UInt8(ascii: "x"), count: 997))
        }
        items += splitter.append(Array("\n\nFrom b Mon Mar  2 08:16:30 2026\nFrom: b@x\n".utf8))
        items += splitter.finish()
        #expect(texts(items) == ["1: 997001 > 10000", "From: b@x\n"])
    }

    @Test func aMailWithoutSeparatorIsAMail() {
        var splitter = MboxSplitter()
        let items = splitter.append(Array("\nSubject: x\n\ntext".utf8)) + splitter.finish()
        #expect(texts(items) == ["\nSubject: x\n\ntext"])
    }

    @Test func emptyFileHasNoMail() {
        var splitter = MboxSplitter()
        #expect((splitter.append([10, 10]) + splitter.finish()).isEmpty)
        #expect(splitter.finish().isEmpty)
    }
}
