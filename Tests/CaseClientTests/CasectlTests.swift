import ClusterPrimitives
import Foundation
import Testing

@testable import CaseClient
@testable import casectl

/// What people and programs see of casectl, without a cluster.
@Suite struct CasectlOutputTests {
    @Test func tableColumnsAlign() {
        var table = Table("ID", "TITLE")
        table.add("1", "one")
        table.add("200", "")
        #expect(table.text == "ID   TITLE\n1    one\n200  -\n")
    }

    @Test func longCellsAreCut() {
        var table = Table("TITLE", "END")
        table.add(String(repeating: "x", count: 500), String(repeating: "y", count: 500))
        let line = table.text.split(separator: "\n")[1]
        #expect(line.count == Table.cellWidthMax + 2 + Table.lastCellWidthMax)
        #expect(line.filter { $0 == "…" }.count == 2)
    }

    /// A title from a stranger must not steer the reader's terminal.
    @Test func escapesDoNotReachTheTerminal() {
        let nasty = "a\u{1B}[2Jb\u{07}\nc\u{202E}d\u{9B}e"
        var table = Table("TITLE")
        table.add(nasty)
        let shown = table.text.split(separator: "\n")[1]
        #expect(
            !shown.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
        )
        #expect(!shown.unicodeScalars.contains("\u{202E}"))
        #expect(printable("a\r\nb\u{1B}", keepLines: true) == "a\nb ")
    }

    @Test func jsonIsExact() throws {
        let value = JSONValue.object([
            .init("z", .string("quote \" back \\ tab \t bell \u{07} å 💡 \u{2028}")),
            .init("a", .array([.null, .bool(true), .number(-1), .unsigned(.max)])),
            .init("n", .optional("")),
        ])
        #expect(
            value.text
                == #"{"z":"quote \" back \\ tab \t bell \u0007 å 💡 \u2028","#
                + #""a":[null,true,-1,18446744073709551615],"n":null}"#
        )
        let parsed = try JSONSerialization.jsonObject(with: Data(value.text.utf8))
        #expect((parsed as? [String: Any])?["z"] as? String != nil)
    }

    @Test func aCaseHasEveryKey() {
        let json = CaseRecord().json.text
        for key in ["\"owner\":null", "\"due_at\":null", "\"tags\":[]", "\"survey\":null"] {
            #expect(json.contains(key), "\(key)")
        }
    }

    @Test func times() throws {
        #expect(Times.text(0) == "")
        #expect(Times.text(1_738_324_800_000) == "2025-01-31T12:00:00.000Z")
        let now = Timestamp(millisecondsSince1970: 1_000)
        #expect(try Times.instant("2h", now: now) == 7_201_000)
        #expect(try Times.instant("2025-01-31T12:00:00Z", now: now) == 1_738_324_800_000)
        #expect(try Times.instant("2025-01-31T12:00:00.250Z", now: now) == 1_738_324_800_250)
        #expect(try Times.instant("2025-01-31T13:00:00+01:00", now: now) == 1_738_324_800_000)
        for text in ["", "tomorrow", "2025-01-31", "-2h"] {
            #expect(throws: Failure.self, "\(text)") { try Times.instant(text, now: now) }
        }
    }
}

/// Exit statuses are an interface.
@Suite struct ExitStatusTests {
    @Test(arguments: [
        (CaseClientError.Code.invalidArgument, casectl.ExitStatus.badInput), (.notFound, .notFound),
        (.aborted, .conflict), (.failedPrecondition, .refused), (.alreadyExists, .refused),
        (.permissionDenied, .notPermitted), (.unauthenticated, .notPermitted),
        (.unavailable, .unavailable), (.deadlineExceeded, .unavailable),
        (.internal, .internalError), (CaseClientError.Code(rawValue: 77), .internalError),
    ])
    func ofErrors(code: CaseClientError.Code, status: casectl.ExitStatus) {
        let error = CaseClientError(code: code, kind: "", message: "")
        #expect(error.exitStatus == status)
    }

    @Test func anUnknownOutcomeIsNotAnAnswer() {
        var error = CaseClientError(code: .internal, kind: "", message: "")
        error.outcomeUnknown = true
        #expect(error.exitStatus == .unavailable)
    }

    @Test func numbersStandInTheHelp() {
        for status in [0, 1, 2, 64, 65, 66, 69, 75, 76, 77] {
            #expect(casectl.ExitStatus.help.contains("\n  \(status) "), "\(status)")
        }
    }
}

/// The command line as it is typed.
@Suite struct ParsingTests {
    static let id = CaseID(tick: 7, shard: ShardID(3), sequence: 1).description

    private func action(_ arguments: [String]) throws -> CaseAction {
        let command = try Casectl.parseAsRoot(["case"] + arguments)
        return try #require(command as? any CaseVerb, "\(arguments) is no verb").action()
    }

    @Test func everyVerb() throws {
        let expected: [([String], CaseAction)] = [
            (["comment", "--text", "t"], .comment("t")), (["note", "--text", "t"], .note("t")),
            (["assign", "--to", "anna"], .assign(to: "anna")), (["accept"], .accept),
            (["decline", "--reason", "r"], .decline(reason: "r")), (["take"], .assignToMe),
            (["assign-to-me"], .assignToMe),
            (
                ["escalate", "--reason", "r", "--to-team", "t", "--summary", "s"],
                .escalate(to: .team("t"), reason: "r", summary: "s")
            ),
            (
                ["escalate", "--reason", "r", "--to-supervisor"],
                .escalate(to: .supervisor, reason: "r")
            ),
            (["park", "--reason", "r"], .park(reason: "r")),
            (
                ["park", "--reason", "r", "--until", "2025-01-31T12:00:00Z"],
                .park(reason: "r", until: 1_738_324_800_000)
            ),
            (["request-info", "--text", "q"], .requestInfo("q")),
            (
                ["wait-external", "--party", "p", "--reason", "r"],
                .waitForExternal(party: "p", reason: "r")
            ),
            (["resume"], .resume),
            (
                ["propose-solution", "--note", "n", "--message", "m"],
                .proposeSolution(note: "n", message: "m")
            ),
            (["accept-solution"], .acceptSolution),
            (["reject-solution"], .rejectSolution()),
            (["reopen", "--reason", "r"], .reopen(reason: "r")),
            (["close", "--notes", "n"], .close(notes: "n")), (["close"], .close()),
            (["transfer-queue", "--to", "q"], .transfer(toQueue: "q")),
            (["transfer-agent", "--to", "a"], .transfer(toAgent: "a")),
            (["reassign", "--to", "a", "--reason", "r"], .reassign(to: "a", reason: "r")),
            (["delete", "--reason", "r"], .delete(reason: "r")),
            (
                ["update", "--title", "t", "--priority", "high", "--field", "a=b=c"],
                .update(
                    .with {
                        $0.title = "t"
                        $0.priority = .high
                        $0.fields = [
                            .with {
                                $0.name = "a"
                                $0.value = "b=c"
                            }
                        ]
                    }
                )
            ),
            (["tag", "--tag", "t"], .addTag("t")), (["untag", "--tag", "t"], .removeTag("t")),
            (["link", "--to", Self.id], .link(.relatedTo, to: Self.id)),
            (["survey", "--rating", "5", "--text", "t"], .submitSurvey(rating: 5, text: "t")),
        ]
        for (arguments, action) in expected {
            let name = arguments[0]
            let line = [name, Self.id, "--expect-version", "4"] + arguments.dropFirst()
            #expect(try self.action(line) == action, "\(line)")
        }
    }

    @Test(arguments: [
        ["case", "escalate", id, "--reason", "r"],
        ["case", "escalate", id, "--reason", "r", "--to-team", "t", "--to-supervisor"],
        ["case", "escalate", id, "--reason", "-", "--summary", "-", "--to-supervisor"],
        ["case", "propose-solution", id, "--note", "-", "--message", "-"],
        ["case", "update", id], ["case", "survey", id, "--rating", "6"],
        ["case", "list", "--status", "cheerful"], ["case", "list", "--limit", "0"],
        ["case", "comment", id], ["case", "comment", "--text", "t"],
        ["case", "comment", id, "--text", "t", "--timeout", "soon"],
        ["case", "create"], ["agent", "add", "x", "--role", "requester"],
        ["agent", "add", "x", "--role", "system"],
        ["watch", "--from-start", "--resume-token", "t"],
        ["intake", "mail"], ["intake", "mail", "-", "-"], ["tls", "init"],
        ["tls", "init", "--directory", "d", "--days", "0"],
        ["tls", "renew"], ["tls", "renew", "--directory", "d", "--id", "1", "--authority"],
        ["cluster", "status", "--token", "a", "--token-file", "b"],
    ])
    func wrongUsage(arguments: [String]) {
        #expect(throws: (any Error).self, "\(arguments)") {
            _ = try Casectl.parseAsRoot(arguments)
        }
    }

    @Test func listQuery() throws {
        let arguments = [
            "case", "list", "--status", "new", "--status", "escalated", "--order", "queue",
            "--owner", "me", "--limit", "700",
        ]
        let command = try #require(try Casectl.parseAsRoot(arguments) as? ListCommand)
        #expect(command.query.statuses == [.new, .escalated])
        #expect(command.query.order == .queue)
        #expect(command.query.owner == "me")
        #expect(command.query.pageSize == 500)
    }

    @Test func optionsOverEnvironment() throws {
        let environment = ["CASECTL_SERVER": "127.0.0.1:1", "CASECTL_TOKEN": "from-environment"]
        let plain = try GlobalOptions.parse([])
        let fromEnvironment = try plain.clientConfiguration(environment)
        #expect(fromEnvironment.endpoints == [CaseEndpoint(host: "127.0.0.1", port: 1)])
        #expect(fromEnvironment.token == "from-environment")
        let given = try GlobalOptions.parse([
            "--server", "127.0.0.1:2, localhost:3", "--token", "t", "--timeout", "250ms",
        ])
        let configuration = try given.clientConfiguration(environment)
        #expect(configuration.endpoints.map(\.port) == [2, 3])
        #expect(configuration.token == "t")
        #expect(configuration.deadline == .milliseconds(250))
    }

    @Test func everyCommandHasHelp() {
        for command in Casectl.configuration.subcommands {
            #expect(!command.configuration.abstract.isEmpty, "\(command)")
        }
        #expect(Casectl.helpMessage().contains("EXIT STATUS"))
    }
}
