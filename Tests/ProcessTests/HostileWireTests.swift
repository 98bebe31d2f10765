import CaseClient
import CaseProtocol
import ClusterPrimitives
import Foundation
import ProcessSupport
import SwiftProtobuf
import Testing

/// Goal: whatever comes over the wire, the answer says what is wrong, and the node answers the next one.
/// Method: one node; tables of wrong calls with the code, the field and the words that must come
/// back; random bytes from a seed; a proper call at the end of each.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct HostileWireTests {
    /// A call and what has to be said about it.
    struct Wrong: Sendable, CustomStringConvertible {
        let name: String
        let call: WireCall
        let code: Int
        var kind = ""
        var field = ""
        /// In the message.
        var words = ""
        var description: String { name }
    }

    private struct Scene {
        let directory: TemporaryDirectory
        let node: NodeProcess
        let cast: Cast
        let caseID: String

        func token(_ client: CaseClient) -> String { client.configuration.token ?? "" }
    }

    private static let cases = "/casecluster.v1.Cases/"
    private static let directory = "/casecluster.v1.Directory/"

    private func withNode(_ body: (Scene) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        let node = try await NodeProcess.start(
            NodeProcess.Options(
                dataDirectory: directory.path + "/data",
                port: freePort(),
                arguments: ["--shards", "4"]
            )
        )
        let cast = try await Cast.make(at: node)
        let caseID = try await cast.kim.create(.saying("the first word")).caseID
        try await body(Scene(directory: directory, node: node, cast: cast, caseID: caseID))
        // Whatever was said: the node answers, and stops in peace.
        #expect(try await cast.kim.get(caseID).title == "a case")
        #expect(await node.stop() == 0)
    }

    private func judge(_ wrongs: [Wrong], _ scene: Scene) async throws {
        for wrong in wrongs {
            let answer = try await wrong.call.run(port: scene.node.options.port)
            let detail = try answer.detail
            #expect(answer.code == wrong.code, "\(wrong): \(answer)")
            #expect(detail.kind == wrong.kind, "\(wrong): \(answer) \(detail)")
            #expect(detail.field == wrong.field, "\(wrong): \(answer) \(detail)")
            #expect(!answer.message.isEmpty, "\(wrong): \(answer)")
            #expect(
                wrong.words.isEmpty || answer.message.contains(wrong.words),
                "\(wrong): \(answer)"
            )
        }
        print("hostile wire: \(wrongs.count) wrong calls, each answered by name")
    }

    // MARK: What is asked

    @Test func wrongContentsNameTheirField() async throws {
        try await withNode { scene in
            let sven = scene.token(scene.cast.supervisor)
            let admin = scene.token(scene.cast.admin)
            func create(
                _ field: String,
                _ adjust: (inout PBCreateRequest) -> Void
            ) throws -> Wrong {
                var request = PBCreateRequest()
                request.message = "m"
                request.requester.name = "n"
                adjust(&request)
                return Wrong(
                    name: "create \(field)",
                    call: try WireCall(Self.cases + "Create", request, token: sven),
                    code: 3,
                    kind: "invalid-request",
                    field: field,
                    words: field
                )
            }
            func execute(
                _ field: String,
                _ adjust: (inout PBExecuteRequest) -> Void
            ) throws -> Wrong {
                var request = PBExecuteRequest()
                request.caseID = scene.caseID
                adjust(&request)
                return Wrong(
                    name: "execute \(field)",
                    call: try WireCall(Self.cases + "Execute", request, token: sven),
                    code: 3,
                    kind: "invalid-request",
                    field: field,
                    words: field
                )
            }
            func other(
                _ path: String,
                _ request: some Message,
                _ field: String,
                token: String
            ) throws -> Wrong {
                Wrong(
                    name: "\(path) \(field)",
                    call: try WireCall(path, request, token: token),
                    code: 3,
                    kind: "invalid-request",
                    field: field,
                    words: field
                )
            }
            let long = String(repeating: "x", count: 262_145)
            try await judge(
                [
                    try create("message") { $0.message = "" },
                    try create("requester") { $0.clearRequester() },
                    try create("channel") { $0.channel = .UNRECOGNIZED(99) },
                    try create("priority") { $0.priority = .UNRECOGNIZED(77) },
                    try create("title") { $0.title = String(repeating: "t", count: 1_025) },
                    try create("message") { $0.message = long },
                    try create("tags") { $0.tags = Array(repeating: "t", count: 65) },
                    try create("queue") { $0.queue = "nowhere" },
                    try create("idempotency_key") {
                        $0.idempotencyKey = String(repeating: "k", count: 1_001)
                    },
                    try create("links[0].kind") {
                        $0.links = [.with { $0.caseID = scene.caseID }]
                    },
                    try execute("case_id") {
                        $0.caseID = ""
                        $0.accept = PBEmptyAction()
                    },
                    try execute("action") { _ in },
                    try execute("comment.text") { $0.comment = PBTextAction() },
                    try execute("comment.text") { $0.comment.text = long },
                    try execute("assign.agent") { $0.assign.agent = "" },
                    try execute("assign.agent") { $0.assign.agent = "nobody" },
                    try execute("transfer_to_queue.queue") { $0.transferToQueue.queue = "x" },
                    try execute("escalate.target") { $0.escalate.reason = "r" },
                    try execute("submit_survey.rating") { $0.submitSurvey.rating = 6 },
                    try execute("link.kind") { $0.link.caseID = scene.caseID },
                    try execute("link.kind") {
                        $0.link.caseID = scene.caseID
                        $0.link.kind = .UNRECOGNIZED(9)
                    },
                    try execute("update.priority") { $0.update.priority = .UNRECOGNIZED(9) },
                    try other(
                        Self.cases + "List",
                        PBListRequest.with { $0.statuses = [.open, .UNRECOGNIZED(99)] },
                        "statuses[1]",
                        token: sven
                    ),
                    try other(
                        Self.cases + "List",
                        PBListRequest.with { $0.order = .UNRECOGNIZED(42) },
                        "order",
                        token: sven
                    ),
                    try other(
                        Self.cases + "List",
                        PBListRequest.with { $0.pageSize = 501 },
                        "page_size",
                        token: sven
                    ),
                    try other(
                        Self.cases + "List",
                        PBListRequest.with { $0.pageToken = "made up" },
                        "page_token",
                        token: sven
                    ),
                    try other(
                        Self.cases + "Watch",
                        PBWatchRequest.with { $0.resumeToken = "made up" },
                        "resume_token",
                        token: sven
                    ),
                    try other(
                        Self.directory + "PutPrincipal",
                        PBPutPrincipalRequest(),
                        "principal",
                        token: admin
                    ),
                    try other(
                        Self.directory + "PutPrincipal",
                        PBPutPrincipalRequest.with { $0.principal.name = "x" },
                        "principal.role",
                        token: admin
                    ),
                    try other(
                        Self.directory + "SetPresence",
                        PBSetPresenceRequest(),
                        "presence",
                        token: sven
                    ),
                    try other(
                        Self.directory + "IssueToken",
                        PBIssueTokenRequest.with {
                            $0.principal = "anna"
                            $0.lifetime = "soon"
                        },
                        "lifetime",
                        token: admin
                    ),
                    try other(
                        "/casecluster.v1.Intake/Submit",
                        PBSubmitRequest(),
                        "contact",
                        token: admin
                    ),
                ],
                scene
            )
        }
    }

    @Test func wrongIDsTokensAndRoles() async throws {
        try await withNode { scene in
            let cast = scene.cast
            let sven = scene.token(cast.supervisor)
            let known = try CaseID(parsing: scene.caseID)
            // Four shards are there, an id can name 1,024.
            let strange = CaseID(tick: known.tick, shard: ShardID(1_000), sequence: 0)
            let never = CaseID(tick: 1, shard: known.shard, sequence: 7)
            // Another check character of the alphabet.
            let spoiled = scene.caseID.dropLast() + (scene.caseID.last == "0" ? "1" : "0")
            func get(
                _ name: String,
                _ id: String,
                _ token: String?,
                _ code: Int,
                _ kind: String,
                _ field: String
            ) throws -> Wrong {
                Wrong(
                    name: name,
                    call: try WireCall(
                        Self.cases + "Get",
                        PBGetRequest.with { $0.caseID = id },
                        token: token
                    ),
                    code: code,
                    kind: kind,
                    field: field
                )
            }
            func stranger(_ name: String, _ token: String?) throws -> Wrong {
                try get(name, scene.caseID, token, 16, "unauthenticated", "authorization")
            }
            func header(_ value: String) throws -> Wrong {
                let plain = try stranger("authorization: \(value)", nil)
                return Wrong(
                    name: plain.name,
                    call: with(plain.call) { $0.head["authorization"] = value },
                    code: plain.code,
                    kind: plain.kind,
                    field: plain.field
                )
            }
            let revoked = try await cast.admin.issueToken(for: "anna")
            try await cast.admin.revokeToken(revoked.tokenID)
            let expired = try await expiredToken(scene)
            func act(
                _ client: CaseClient,
                _ field: String,
                _ kind: String,
                _ adjust: (inout PBExecuteRequest) -> Void
            ) throws -> Wrong {
                var request = PBExecuteRequest()
                request.caseID = scene.caseID
                adjust(&request)
                return Wrong(
                    name: "\(field) by the wrong one",
                    call: try WireCall(
                        Self.cases + "Execute",
                        request,
                        token: scene.token(client)
                    ),
                    code: 7,
                    kind: kind,
                    field: field
                )
            }
            func manage(
                _ path: String,
                _ request: some Message,
                _ client: CaseClient
            ) throws -> Wrong {
                Wrong(
                    name: path,
                    call: try WireCall(path, request, token: scene.token(client)),
                    code: 7,
                    kind: "wrong-role"
                )
            }
            try await judge(
                [
                    try get("short id", "0000", sven, 3, "invalid-request", "case_id"),
                    try get("spoiled id", String(spoiled), sven, 3, "invalid-request", "case_id"),
                    try get("no id", "", sven, 3, "invalid-request", "case_id"),
                    try get("no such shard", "\(strange)", sven, 5, "not-found", "case_id"),
                    try get("no such case", "\(never)", sven, 5, "not-found", "case_id"),
                    try get(
                        "another's case",
                        scene.caseID,
                        scene.token(cast.lou),
                        5,
                        "not-found",
                        "case_id"
                    ),
                    try get(
                        "an admin has no rights on cases",
                        scene.caseID,
                        scene.token(cast.admin),
                        7,
                        "wrong-role",
                        ""
                    ),
                    try stranger("no token", nil),
                    try stranger("unknown token", "cct_0123456789abcdef"),
                    try stranger("revoked token", revoked.secret),
                    try stranger("expired token", expired),
                    try header("Basic YTpi"),
                    try header("Bearer"),
                    try header(sven),
                    try act(cast.kim, "note", "wrong-role") { $0.note.text = "n" },
                    try act(cast.reviewer, "comment", "wrong-role") { $0.comment.text = "c" },
                    try act(cast.anna, "assign", "wrong-role") { $0.assign.agent = "bert" },
                    try act(cast.anna, "accept-solution", "wrong-role") {
                        $0.acceptSolution = PBEmptyAction()
                    },
                    try manage(
                        Self.directory + "PutTeam",
                        PBPutTeamRequest.with { $0.team.name = "t" },
                        cast.supervisor
                    ),
                    try manage(
                        Self.directory + "IssueToken",
                        PBIssueTokenRequest.with { $0.principal = "admin" },
                        cast.anna
                    ),
                    try manage(
                        "/casecluster.v1.Cluster/SetSetting",
                        PBSetSettingRequest.with {
                            $0.name = "reopen-window"
                            $0.value = "1d"
                        },
                        cast.supervisor
                    ),
                    try manage(
                        "/casecluster.v1.Intake/Submit",
                        PBSubmitRequest.with { $0.mail = Data("From: a@b.se\n\nx".utf8) },
                        cast.anna
                    ),
                    try manage(
                        Self.cases + "Verify",
                        PBVerifyRequest.with { $0.caseID = scene.caseID },
                        cast.kim
                    ),
                ],
                scene
            )
        }
    }

    /// A token that was good, and is no more.
    private func expiredToken(_ scene: Scene) async throws -> String {
        var issued = try await scene.cast.admin.issueToken(for: "anna", lifetime: "1s")
        var client = try scene.node.client(token: issued.secret)
        func refused() async -> CaseClientError.Code? {
            let error = await refusal { () async throws(CaseClientError) in
                try await client.get(scene.caseID)
            }
            return error?.code
        }
        // It may have expired before it was used.
        while await refused() == .unauthenticated {
            issued = try await scene.cast.admin.issueToken(for: "anna", lifetime: "1s")
            client = try scene.node.client(token: issued.secret)
        }
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline, await refused() != .unauthenticated {}
        return issued.secret
    }

    private func with(_ call: WireCall, _ adjust: (inout WireCall) -> Void) -> WireCall {
        var call = call
        adjust(&call)
        return call
    }

    // MARK: How it is asked

    @Test func wrongFramesHeadsAndPaths() async throws {
        try await withNode { scene in
            let token = scene.token(scene.cast.kim)
            let good = try WireCall(
                Self.cases + "Get",
                PBGetRequest.with { $0.caseID = scene.caseID },
                token: token
            )
            let message = Array(good.body.dropFirst(5))
            #expect(try await good.run(port: scene.node.options.port).code == 0)
            func wrong(
                _ name: String,
                _ code: Int,
                _ words: String,
                _ adjust: (inout WireCall) -> Void
            ) -> Wrong {
                Wrong(name: name, call: with(good, adjust), code: code, words: words)
            }
            let nothing = Self.cases + "Nothing"
            try await judge(
                [
                    wrong("method", 12, nothing) { $0.path = nothing },
                    wrong("service", 12, "/nobody.Here/Get") { $0.path = "/nobody.Here/Get" },
                    wrong("root", 12, "/") { $0.path = "/" },
                    wrong("not protobuf", 3, "GetRequest") {
                        $0.body = WireCall.frame([0xFF, 0xFF, 0xFF, 0xFF])
                    },
                    wrong("compressed", 13, "compressed") {
                        $0.body = WireCall.frame(message, flag: 1)
                    },
                    wrong("flag", 13, "flag") { $0.body = WireCall.frame(message, flag: 7) },
                    wrong("no message", 13, "message") { $0.body = [] },
                    wrong("half a prefix", 13, "message") { $0.body = [0, 0, 0] },
                    wrong("half a message", 13, "message") {
                        $0.body = WireCall.frame(message, length: message.count + 5)
                    },
                    wrong("two messages", 13, "more than one") { $0.body += $0.body },
                    wrong("a gigabyte announced", 8, "1073741824") {
                        $0.body = WireCall.frame(message, length: 1 << 30)
                        $0.hasEnd = false
                    },
                    wrong("no trailers wanted", 3, "te") { $0.head["te"] = .some(nil) },
                    wrong("timeout", 3, "grpc-timeout") { $0.head["grpc-timeout"] = "1x" },
                    wrong("encoding", 12, "encoding") { $0.head["grpc-encoding"] = "gzip" },
                    wrong("headers", 8, "header") {
                        $0.head["x-long"] = String(repeating: "h", count: 17_000)
                    },
                    wrong("deadline", 4, "deadline") { $0.head["grpc-timeout"] = "1n" },
                ],
                scene
            )
            // Those who don't speak gRPC get HTTP's own word.
            for (field, value, status) in [
                ("content-type", "text/plain", "415"), (":method", "GET", "405"),
            ] {
                let answer = try await with(good) { $0.head[field] = value }
                    .run(port: scene.node.options.port)
                #expect(answer.fields[":status"] == status, "\(field): \(answer)")
            }
        }
    }

    /// More than a message may have: refused while it comes, not after it was kept.
    @Test func overlongBodies() async throws {
        try await withNode { scene in
            let megabyte = 1 << 20
            let token = scene.token(scene.cast.intake)
            for length in [5 * megabyte, 12 * megabyte] {
                let request = PBSubmitRequest.with {
                    $0.mail = Data(repeating: UInt8(ascii: "x"), count: length)
                }
                let call = try WireCall("/casecluster.v1.Intake/Submit", request, token: token)
                let answer = try await call.run(port: scene.node.options.port)
                #expect(answer.code == 8, "\(length): \(answer)")
                #expect(answer.message.contains("\(call.body.count - 5)"), "\(length): \(answer)")
            }
        }
    }

    /// Bytes that are no HTTP/2: the connection ends, nobody else notices.
    @Test func garbage() async throws {
        try await withNode { scene in
            let port = scene.node.options.port
            let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
            let fixed: [[UInt8]] = [
                Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8),
                Array("POST /casecluster.v1.Cases/Get HTTP/1.0\r\n\r\n".utf8),
                [UInt8](repeating: 0, count: 10_000),
                [UInt8](repeating: 0xFF, count: 10_000),
                // A TLS greeting on a port in plain text.
                [0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x03],
                preface + [UInt8](repeating: 0xFF, count: 1_000),
            ]
            for bytes in fixed {
                let socket = try RawSocket(port: port)
                socket.send(bytes)
                #expect(socket.isClosedByPeer(), "\(bytes.prefix(12))")
            }
            for seed in UInt64(1)...64 {
                var random = SeededGenerator(seed: seed)
                let socket = try RawSocket(port: port)
                let count = Int.random(in: 0...2_000, using: &random)
                let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
                socket.send((seed % 2 == 0 ? preface : []) + noise)
                // Closed from here at once, whatever the node was about to say.
            }
            // Many that say nothing: they hold a socket, and nothing else.
            let silent = try (0..<64).map { _ in try RawSocket(port: port) }
            #expect(try await scene.cast.kim.get(scene.caseID).title == "a case")
            #expect(silent.count == 64)
            print("garbage: \(fixed.count + 64 + silent.count) connections that were no HTTP/2")
        }
    }
}
