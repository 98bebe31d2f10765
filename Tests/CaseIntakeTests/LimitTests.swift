import CaseIntake
import ClusterPrimitives
import Foundation
import Testing

/// Every limit, from its outer side.
struct LimitTests {
    @Test func mailSize() throws {
        var bytes = Fixtures.simple()
        bytes += [UInt8](
            repeating: UInt8(ascii: "x"),
            count: IntakeLimits.mailBytesMax - bytes.count
        )
        let contact = try MailParser.parse(bytes)
        #expect(contact.text.utf8.count <= IntakeLimits.textBytesMax)
        #expect(contact.text.hasSuffix("bytes left out; the raw contact has them]"))
        #expect(contact.text.utf8.count > IntakeLimits.textBytesMax - 100)
        bytes.append(10)
        let error = IntakeError.tooLarge(bytes: bytes.count, limit: IntakeLimits.mailBytesMax)
        #expect(throws: error) { try MailParser.parse(bytes) }
        #expect(error.code == "too-large")
    }

    /// What takes little room on the wire and much in memory or time when it is taken apart.
    @Test(arguments: [
        "boundaries", "part headers", "nested multiparts", "header fields", "encoded words", "tags",
        "comments",
        "quotes", "references", "recipients", "groups", "groups in a part", "long field in a part",
        "open quotes",
    ])
    func hostileMailIsReadAllTheSame(kind: String) throws {
        let count = 200_000
        var head = "From: a@b.se\n"
        var body = ""
        switch kind {
        case "boundaries":
            head += "Content-Type: multipart/mixed; boundary=b\n"
            body = String(repeating: "--b\n\n", count: count)
        case "part headers":
            head += "Content-Type: multipart/mixed; boundary=b\n"
            body = "--b\n" + String(repeating: "a:\n", count: count)
        case "nested multiparts":
            head += "Content-Type: multipart/mixed; boundary=0\n"
            for depth in 0..<4_000 {
                body += "--\(depth)\nContent-Type: multipart/mixed; boundary=\(depth + 1)\n\n"
            }
        case "header fields":
            head = String(repeating: "X: y\n", count: count) + head + "Subject: found\n"
        case "encoded words":
            head += "Subject: " + String(repeating: "=?a?B?", count: count) + "\n"
        case "tags":
            head += "Content-Type: text/html\n"
            body = String(repeating: "<a '<b \"", count: count)
        case "comments":
            head += "Content-Type: text/html\n"
            body = String(repeating: "<!--<style>", count: count)
        case "quotes":
            head += "Content-Type: text/html\n"
            body = String(repeating: "<blockquote>x", count: 20_000)
        case "references":
            head += "References: " + String(repeating: "<a", count: count) + "\n"
        case "recipients":
            head += "To: " + String(repeating: "a@b.se, ", count: count) + "\n"
        case "groups":
            head += "To: " + String(repeating: "g:", count: count) + "\n"
        case "groups in a part":
            head += "Content-Type: message/rfc822\n"
            body = "To: " + String(repeating: "g:\n ", count: count) + "\n\nx"
        case "long field in a part":
            head += "Content-Type: multipart/mixed; boundary=b\n"
            body = "--b\nContent-Type: text/plain; " + String(repeating: "a=b; ", count: count)
        default:
            head += "Subject: Re: x\n"
            body = String(repeating: "On 2 Mar 2026 at 08:00 x@y wrote\n", count: 7_000)
        }
        let contact = try MailParser.parse(Array((head + "\n" + body).utf8))
        #expect(contact.text.utf8.count <= IntakeLimits.textBytesMax)
        if kind == "header fields" {
            #expect(contact.title == "found")
            #expect(contact.details.map(\.name) == ["omittedHeaderFields"])
        }
        if ["boundaries", "part headers", "groups in a part", "long field in a part"].contains(kind)
        {
            #expect(contact.details == [ContactDetail(name: "structure", value: "not read")])
        }
    }

    @Test func partsBeyondTheLimitAreCounted() throws {
        let head = "From: a@b.se\nContent-Type: multipart/mixed; boundary=b\n\n"
        let part = "--b\nContent-Type: application/pdf\n\nx\n"
        let bytes = Array((head + String(repeating: part, count: 300) + "--b--\n").utf8)
        let contact = try MailParser.parse(bytes)
        #expect(contact.attachments.count == IntakeLimits.partsMax - 1)
        #expect(contact.details == [ContactDetail(name: "omittedParts", value: "45")])
    }

    @Test func longNamesAndTitlesAreCutWhereACharacterEnds() throws {
        let long = String(repeating: "å", count: 2_000)
        let contact = try MailParser.parse(
            Fixtures.simple("Subject: \(long)", from: "\(long) <a@b.se>")
        )
        #expect(contact.title.utf8.count <= IntakeLimits.titleBytesMax)
        #expect(contact.title.hasSuffix("å…"))
        #expect(contact.sender.displayName.utf8.count <= IntakeLimits.nameBytesMax)
    }

    /// The same bytes give the same value, on many threads at once.
    @Test func parsingIsAPureFunction() async throws {
        let mails =
            Fixtures.awkward + (Fixtures.hasSamples ? try Fixtures.allSamples().map(\.bytes) : [])
        let expected = try mails.map { try MailParser.parse($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<20 {
                        for (bytes, contact) in zip(mails, expected) {
                            let again = try MailParser.parse(bytes)
                            #expect(again == contact)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    #if os(Linux)
    /// A locale, such as one with other letter cases and decimal marks, changes nothing. (That the
    /// time zone does not either, the dates without a zone show wherever the clock is not on UTC.)
    @Test func localeDoesNotMatter() throws {
        let expected = try Fixtures.awkward.map { try MailParser.parse($0) }
        // LC_ALL_MASK, which Swift does not import: categories 0...12 but 6, which stands for all.
        let allCategories: Int32 = 0x1FBF
        for name in ["C", "C.UTF-8", "sv_SE.UTF-8", "tr_TR.UTF-8", "ja_JP.EUC-JP"] {
            // Where a locale is not installed there is nothing to try.
            guard let locale = newlocale(allCategories, name, nil) else { continue }
            let previous = uselocale(locale)
            defer {
                uselocale(previous)
                freelocale(locale)
            }
            for (mail, contact) in zip(Fixtures.awkward, expected) {
                #expect(try MailParser.parse(mail) == contact, "\(name)")
            }
        }
    }

    /// Every object of the MIME library is released: memory stands still over thousands of mails.
    ///
    /// Other tests of the process take and free memory meanwhile, so it is measured in rounds: a
    /// leak shows in every one of them, a neighbour does not.
    @Test func nothingLeaks() throws {
        let padding = String(repeating: "All work and no play makes a long mail.\n", count: 200)
        let mails = Fixtures.awkward.map { $0 + Array(padding.utf8) }
        var growth: [Int] = []
        for _ in 0..<8 {
            let before = try residentBytes()
            for _ in 0..<400 { for mail in mails { _ = try MailParser.parse(mail) } }
            growth.append(try residentBytes() - before)
            // A leak of 1 KiB a mail would be 1.2 MB.
            if growth.last ?? 0 < 1_000_000 { return }
        }
        Issue.record("memory grew in every round: \(growth) bytes")
    }

    private func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return pages * 4_096
    }
    #endif
}
