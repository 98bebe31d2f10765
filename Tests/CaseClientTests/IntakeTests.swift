import ClusterPrimitives
import Foundation
import Testing

@testable import CaseClient
@testable import casectl

/// Cutting mbox files.
@Suite struct MboxTests {
    private let from = "From a@example.com Mon Jan  1 00:00:00 2025\n"

    private func split(_ text: String, bytesMax: Int = 1_000, piece: Int = 1) -> [MboxSplitter.Item]
    {
        var splitter = MboxSplitter(bytesMax: bytesMax)
        var items: [MboxSplitter.Item] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            items += splitter.take(rest.prefix(piece))
            rest = rest.dropFirst(piece)
        }
        return items + splitter.finish()
    }

    private func message(_ text: String) -> MboxSplitter.Item { .message(Array(text.utf8)) }

    @Test(arguments: [1, 2, 7, 64, 10_000])
    func cutsAtSeparators(piece: Int) {
        let text =
            "\(from)Subject: 1\n\nOne\n\n\(from)Subject: 2\n\nTwo\n\n"
        #expect(
            split(text, piece: piece) == [
                message("Subject: 1\n\nOne\n"), message("Subject: 2\n\nTwo\n"),
            ]
        )
    }

    /// "From " in the middle of a text is no cut unless an empty line is before it, and a quoted
    /// one is given back as it was written.
    @Test func keepsTexts() {
        let text =
            "\(from)S: 1\n\nDear you\nFrom here on\n\nFrom me\n>From there\n>>From x\n> From y\n"
        #expect(
            split(text) == [
                message(
                    "S: 1\n\nDear you\nFrom here on\n\nFrom me\nFrom there\n>From x\n> From y\n"
                )
            ]
        )
    }

    @Test func keepsLineEnds() {
        let text = "From a 0:00 2025\r\nS: 1\r\n\r\nOne\r\n\r\nFrom b 0:00 2025\r\nS: 2\r\n\r\nTwo"
        #expect(split(text) == [message("S: 1\r\n\r\nOne\r\n"), message("S: 2\r\n\r\nTwo")])
    }

    /// One monster in a mailbox must not block what follows it.
    @Test(arguments: [1, 16, 4_096])
    func passesOverWhatIsTooLong(piece: Int) {
        let long = String(repeating: "x", count: 300)
        let text = "\(from)S: 1\n\nshort\n\n\(from)\(long)\n\(long)\n\n\(from)S: 3\n\nshort\n"
        let items = split(text, bytesMax: 100, piece: piece)
        #expect(
            items == [message("S: 1\n\nshort\n"), .tooLong(bytes: 602), message("S: 3\n\nshort\n")]
        )
    }

    /// What stands before the first message is named once, and the messages behind it are taken.
    @Test func junkInFront() {
        let items = split("Subject: 1\n\nFrom a\nx\n\n\(from)S: 2\n")
        #expect(items == [.noSeparator, message("S: 2\n")])
        #expect(split(String(repeating: "x", count: 3_000) + "\n\n\(from)S: 2\n") == items)
        #expect(split("") == [])
        #expect(split("\n\n\(from)S: 1\n") == [message("S: 1\n")])
    }

    /// Any messages, joined into an mbox file and cut in any pieces, come out as they went in.
    @Test(arguments: UInt64(1)...64)
    func roundTrip(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let lines = ["From me", ">From me", "", "text", "From", ">>From x", " From y"]
        let messages = (0..<Int.random(in: 1...5, using: &random)).map { _ in
            "Subject: x\n"
                + (0..<Int.random(in: 0...8, using: &random)).map { _ in
                    lines[Int.random(in: lines.indices, using: &random)] + "\n"
                }.joined()
        }
        let file = messages.map { message in
            from
                + message.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                    line.drop { $0 == ">" }.hasPrefix("From ") ? ">\(line)" : "\(line)"
                }.joined(separator: "\n") + "\n"
        }.joined()
        let piece = Int.random(in: 1...40, using: &random)
        let found = split(file, bytesMax: 10_000, piece: piece)
        #expect(found == messages.map { self.message($0) }, "SEED=\(seed)")
    }
}

/// Walking files and directories.
@Suite struct ContactSourceTests {
    @Test func walksInOrderAndNamesWhatFails() throws {
        try Directory.with { directory in
            try FileManager.default.createDirectory(
                atPath: "\(directory)/b",
                withIntermediateDirectories: true
            )
            for (name, text) in [
                ("c.eml", "3"), ("b/2.eml", "2"), ("a.eml", "1"), (".hidden", "x"),
            ] {
                try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
            }
            try Data(repeating: 120, count: IncomingContact.bytesMax + 1)
                .write(to: URL(fileURLWithPath: "\(directory)/d.eml"))
            var source = try ContactSource([directory], isMbox: false)
            var texts: [String] = []
            var failed: [String] = []
            while let contact = source.next() {
                switch contact.content {
                case .success(let bytes): texts.append(String(decoding: bytes, as: UTF8.self))
                case .failure: failed.append(contact.name)
                }
            }
            #expect(texts == ["1", "2", "3"])
            #expect(failed == ["\(directory)/d.eml"])
        }
    }

    @Test func walksMailboxes() throws {
        try Directory.with { directory in
            let path = "\(directory)/in.mbox"
            let text = (1...5).map { "From x 10:00 2025\nS: \($0)\n\nhello\n\n" }.joined()
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            try Data("nonsense\n".utf8).write(to: URL(fileURLWithPath: "\(directory)/other"))
            var source = try ContactSource([path, "\(directory)/other"], isMbox: true)
            var names: [String] = []
            while let contact = source.next() { names.append(contact.name) }
            #expect(names.prefix(5) == (1...5).map { "\(path) message \($0)" }[...])
            #expect(names.last == "\(directory)/other message 1")
            #expect(names.count == 6)
        }
    }

    @Test func whatIsNotThere() {
        #expect(throws: Failure.self) { _ = try ContactSource(["/nowhere/at/all"], isMbox: false) }
    }

    @Test func whichErrorsStopARun() {
        func error(_ code: CaseClientError.Code) -> CaseClientError {
            CaseClientError(code: code, kind: "", message: "")
        }
        #expect(error(.unauthenticated).isForAll)
        #expect(error(.unavailable).isSilence)
        for code in [CaseClientError.Code.invalidArgument, .internal, .resourceExhausted] {
            var failure = error(code)
            failure.outcomeUnknown = true
            #expect(!failure.isForAll && !failure.isSilence, "\(code): the contact's own fault")
        }
    }
}

/// A directory that is gone afterwards.
enum Directory {
    static func with(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("casectl-\(UInt64.random(in: .min ... .max))").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(atPath: path) } catch {
                Issue.record("\(path) can't be removed: \(error)")
            }
        }
        try body(path)
    }
}

/// Certificates of one's own.
@Suite struct CertificateKitTests {
    @Test func makesAWholeSet() throws {
        try Directory.with { directory in
            let kit = CertificateKit(directory: "\(directory)/tls")
            try kit.write(
                hosts: ["case1.example.com", "10.0.0.7", "::1"],
                days: 30,
                authority: "T"
            )
            for file in CertificateKit.fileNames {
                let attributes = try FileManager.default.attributesOfItem(
                    atPath: "\(directory)/tls/\(file)"
                )
                let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0
                if file.hasSuffix(".key") { #expect(mode == 0o600, "\(file)") }
            }
            let node = try CertificateSummary.read("\(directory)/tls/node.pem")
            #expect(node.count == 1)
            #expect(node[0].issuer == "T")
            #expect(Set(node[0].names) == ["case1.example.com", "10.0.0.7", "::1"])
            #expect(!node[0].isAuthority)
            #expect(node[0].notAfter - node[0].notBefore >= 30 * 86_400_000)
            #expect(node[0].fingerprint.count == 64)
            #expect(try CertificateSummary.read("\(directory)/tls/ca.pem")[0].isAuthority)
        }
    }

    /// A mistyped command must not cost a cluster its authority's key.
    @Test func overwritesNothing() throws {
        try Directory.with { directory in
            let path = "\(directory)/node.key"
            try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
            #expect(throws: Failure.self) {
                try CertificateKit(directory: directory).write(
                    hosts: ["localhost"],
                    days: 30,
                    authority: "T"
                )
            }
            #expect(FileManager.default.contents(atPath: path) == Data("precious".utf8))
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/ca.pem"))
        }
    }

    @Test func noCertificate() throws {
        try Directory.with { directory in
            let path = "\(directory)/x.pem"
            try Data("hello".utf8).write(to: URL(fileURLWithPath: path))
            #expect(throws: Failure.self) { _ = try CertificateSummary.read(path) }
        }
    }

    @Test func secretsAreTheirOwnersAlone() throws {
        try Directory.with { directory in
            let path = "\(directory)/token"
            try Files.writeSecret("secret\n", to: path)
            #expect(try GlobalOptions.read(path) == "secret")
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
            #expect(throws: Failure.self) { try Files.writeSecret("other", to: path) }
        }
    }
}
