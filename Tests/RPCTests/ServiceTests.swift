import CaseProtocol
import NIOCore
import NIOPosix
import RPC
import SwiftProtobuf
import Testing

/// Health and reflection, and calls with protobuf messages.
@Suite(.timeLimit(.minutes(1)))
struct ServiceTests {
    private typealias HealthRequest = Grpc_Health_V1_HealthCheckRequest
    private typealias HealthResponse = Grpc_Health_V1_HealthCheckResponse
    private typealias Question = Grpc_Reflection_V1_ServerReflectionRequest
    private typealias Answer = Grpc_Reflection_V1_ServerReflectionResponse

    private func run(
        _ fill: (inout RPCRouter) throws -> Void,
        _ body: (RPCClient, RPCServer) async throws -> Void
    ) async throws {
        var router = RPCRouter()
        try fill(&router)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let server = try await RPCServer.start(
            .init(host: "127.0.0.1", port: 0),
            router: router,
            group: group
        )
        let client = RPCClient(
            .init(targets: [RPCTarget(host: "127.0.0.1", port: server.port)]),
            group: group
        )
        try await body(client, server)
        await client.shutdown(within: .milliseconds(100))
        await server.drain(within: .seconds(1))
        try await group.shutdownGracefully()
    }

    private func request(_ service: String) throws -> [UInt8] {
        var request = HealthRequest()
        request.service = service
        return try request.serializedBytes()
    }

    @Test func health() async throws {
        let health = HealthService()
        health.set("", serving: true)
        try await run({ health.register(in: &$0) }) { client, server in
            let check = "/grpc.health.v1.Health/Check"
            var request = HealthRequest()
            let serving = try await client.unary(check, request, HealthResponse.self)
            #expect(serving.status == .serving)
            health.set("", serving: false)
            let stopped = try await client.unary(check, request, HealthResponse.self)
            #expect(stopped.status == .notServing)
            request.service = "nobody"
            let unknown = request
            let missing = await status { () throws(RPCStatus) in
                try await client.unary(check, unknown, HealthResponse.self)
            }
            #expect(missing?.code == .notFound)
            let nonsense = await status { () throws(RPCStatus) in
                try await client.unary(check, [0xff, 0xff])
            }
            #expect(nonsense?.code == .invalidArgument)
        }
    }

    @Test func healthWatch() async throws {
        let health = HealthService()
        try await run({ health.register(in: &$0) }) { client, server in
            let watch = client.serverStream(
                "/grpc.health.v1.Health/Watch",
                try request("case.Cases")
            )
            var messages = watch.messages.makeAsyncIterator()
            func next() async throws -> HealthResponse.ServingStatus {
                try HealthResponse(serializedBytes: try #require(try await messages.next())).status
            }
            #expect(try await next() == .serviceUnknown)
            health.set("case.Cases", serving: true)
            #expect(try await next() == .serving)
            health.set("case.Cases", serving: true)
            health.set("other", serving: true)
            health.set("case.Cases", serving: false)
            #expect(try await next() == .notServing)
            health.shutDown()
            #expect(try await next() == .notServing)
            let ended = await status { () throws(RPCStatus) in
                var messages = watch.messages.makeAsyncIterator()
                return try await messages.next()
            }
            #expect(ended?.code == .unavailable)
        }
    }

    private func descriptors() throws -> [UInt8] {
        var base = Google_Protobuf_FileDescriptorProto()
        base.name = "base.proto"
        base.package = "base"
        var message = Google_Protobuf_DescriptorProto()
        message.name = "Outer"
        var nested = Google_Protobuf_DescriptorProto()
        nested.name = "Inner"
        message.nestedType = [nested]
        base.messageType = [message]
        var extending = Google_Protobuf_FieldDescriptorProto()
        extending.name = "extra"
        extending.extendee = ".base.Outer"
        extending.number = 100
        base.extension = [extending]
        var file = Google_Protobuf_FileDescriptorProto()
        file.name = "service.proto"
        file.package = "one.two"
        file.dependency = ["base.proto"]
        var service = Google_Protobuf_ServiceDescriptorProto()
        service.name = "Three"
        var method = Google_Protobuf_MethodDescriptorProto()
        method.name = "Do"
        service.method = [method]
        file.service = [service]
        var set = Google_Protobuf_FileDescriptorSet()
        set.file = [base, file]
        return try set.serializedBytes()
    }

    @Test(arguments: ["v1", "v1alpha"])
    func reflection(version: String) async throws {
        let service = try ReflectionService(fileDescriptorSet: try descriptors())
        try await run({ service.register(in: &$0) }) { client, _ in
            let call = client.stream(
                "/grpc.reflection.\(version).ServerReflection/ServerReflectionInfo"
            )
            var messages = call.messages.makeAsyncIterator()
            func ask(_ question: Question.OneOf_MessageRequest) async throws -> Answer {
                var request = Question()
                request.messageRequest = question
                try await call.writer.send(try request.serializedBytes())
                let answer = try Answer(
                    serializedBytes: try #require(try await messages.next())
                )
                #expect(answer.originalRequest == request)
                return answer
            }
            func files(_ question: Question.OneOf_MessageRequest) async throws -> [String] {
                try await ask(question).fileDescriptorResponse.fileDescriptorProto.map {
                    try Google_Protobuf_FileDescriptorProto(serializedBytes: $0).name
                }
            }
            let list = try await ask(.listServices("*")).listServicesResponse
            #expect(list.service.map(\.name) == ["one.two.Three"])
            for symbol in ["one.two.Three", "one.two.Three.Do"] {
                #expect(
                    try await files(.fileContainingSymbol(symbol)) == [
                        "service.proto", "base.proto",
                    ]
                )
            }
            #expect(try await files(.fileContainingSymbol("base.Outer.Inner")) == ["base.proto"])
            #expect(try await files(.fileByFilename("base.proto")) == ["base.proto"])
            let missing = try await ask(.fileContainingSymbol("no.Such"))
            #expect(missing.errorResponse.errorCode == 5)
            let numbers = try await ask(.allExtensionNumbersOfType("base.Outer"))
            #expect(numbers.allExtensionNumbersResponse.extensionNumber == [100])
            var extending = Grpc_Reflection_V1_ExtensionRequest()
            extending.containingType = "base.Outer"
            extending.extensionNumber = 100
            #expect(try await files(.fileContainingExtension(extending)) == ["base.proto"])
            call.writer.finish()
            #expect(try await messages.next() == nil)
        }
    }

    /// Handlers with messages: the Task ends with its call, and odd errors tell nothing.
    @Test func messageHandlers() async throws {
        struct Odd: Error { let secret = "secret" }
        try await run({ router in
            router.unary("/t/Task", HealthRequest.self, HealthResponse.self) { request, context in
                if request.service == "odd" { throw Odd() }
                if request.service == "status" { throw RPCStatus(.outOfRange, "far") }
                var response = HealthResponse()
                response.status = .serving
                return response
            }
            router.serverStream("/t/Many", HealthRequest.self, HealthResponse.self) {
                request,
                writer,
                context in
                for _ in 0..<5 { try await writer.send(HealthResponse()) }
            }
            router.stream("/t/Both", HealthRequest.self, HealthRequest.self) {
                requests,
                writer,
                context in
                for try await request in requests { try await writer.send(request) }
            }
        }) { client, _ in
            var request = HealthRequest()
            let response = try await client.unary("/t/Task", request, HealthResponse.self)
            #expect(response.status == .serving)
            for (service, expected) in [
                ("odd", RPCStatus(.internalError, "the handler failed")),
                ("status", RPCStatus(.outOfRange, "far")),
            ] {
                request.service = service
                let failing = request
                let failed = await status { () throws(RPCStatus) in
                    try await client.unary("/t/Task", failing, HealthResponse.self)
                }
                #expect(failed == expected)
            }
            var count = 0
            for try await _ in client.serverStream("/t/Many", []).messages { count += 1 }
            #expect(count == 5)
            let both = client.stream("/t/Both")
            let bytes = try self.request("x")
            try await both.writer.send(bytes)
            both.writer.finish()
            var echoed: [[UInt8]] = []
            for try await message in both.messages { echoed.append(message) }
            #expect(echoed == [bytes])
        }
    }
}
