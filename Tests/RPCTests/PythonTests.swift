import Foundation
import HTTP2Transport
import NIOCore
import NIOPosix
import RPC
import Testing

/// Against gRPC's own implementation. Needs a Python with `grpcio`, named by CASECLUSTER_PYTHON;
/// skipped where there is none, for it is no part of the build.
@Suite(
    .enabled(
        if: ProcessInfo.processInfo.environment["CASECLUSTER_PYTHON"] != nil,
        "CASECLUSTER_PYTHON names no Python with grpcio"
    ),
    .timeLimit(.minutes(2))
)
struct PythonTests {
    private struct Outcome {
        let status: Int32
        let text: String
    }

    private func makeProcess(_ script: String, _ arguments: [String]) throws -> Process {
        let process = Process()
        let python = try #require(ProcessInfo.processInfo.environment["CASECLUSTER_PYTHON"])
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-c", script] + arguments
        return process
    }

    private func run(_ script: String, _ arguments: [String]) async throws -> Outcome {
        let process = try makeProcess(script, arguments)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        let status = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                continuation.resume(throwing: error)
            }
        }
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        return Outcome(status: status, text: String(decoding: bytes, as: UTF8.self))
    }

    @Test(arguments: Security.allCases)
    func pythonCallsUs(security: Security) async throws {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("casecluster-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer {
            do {
                try FileManager.default.removeItem(at: directory)
            } catch {
                Issue.record(error)
            }
        }
        let certificates = try Certificates()
        let files = ["ca.pem", "key.pem", "certificate.pem"].map {
            directory.appendingPathComponent($0).path
        }
        try PEMFiles.write(certificate: certificates.authority.certificatePEM, to: files[0])
        try PEMFiles.write(key: certificates.client.keyPEM, to: files[1])
        try PEMFiles.write(certificate: certificates.client.certificatePEM, to: files[2])
        let serverTLS = try certificates.serverContext(security)
        try await Harness.run(server: { $0.tls = serverTLS }) { harness in
            let arguments: [String] =
                switch security {
                case .plain: []
                case .tls: [files[0]]
                case .mutualTLS: files
                }
            let outcome = try await run(
                PythonScripts.client,
                ["localhost:\(harness.server.port)"] + arguments
            )
            #expect(outcome.status == 0, "\(outcome.text)")
            #expect(outcome.text.contains("all well"))
        }
    }

    @Test func weCallPython() async throws {
        let process = try makeProcess(PythonScripts.server, [])
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let port = try #require(Int(line.trimmingCharacters(in: .whitespacesAndNewlines)))
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let client = RPCClient(
            RPCClient.Configuration(targets: [RPCTarget(host: "127.0.0.1", port: port)]),
            group: group
        )
        try await callAll(client)
        await client.shutdown()
        try await group.shutdownGracefully()
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    private func callAll(_ client: RPCClient) async throws {
        for size in [0, 1, 16_384, 3_000_000] {
            let message = [UInt8](repeating: 3, count: size)
            #expect(try await client.unary(Echo.unary, message).message == message)
        }
        var metadata: RPCMetadata = ["echo": "a b"]
        metadata.add("echo-bin", bytes: [0, 1, 255])
        let reply = try await client.unary(Echo.unary, [1], metadata: metadata)
        #expect(reply.trailers["echo"] == "a b")
        #expect(reply.trailers.bytes("echo-bin") == [0, 1, 255])
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<300 {
                tasks.addTask {
                    let message = Array("\(number)".utf8)
                    let reply = try await client.unary(Echo.unary, message)
                    #expect(reply.message == message)
                }
            }
            try await tasks.waitForAll()
        }
        let failed = await status { () throws(RPCStatus) in try await client.unary(Echo.fail, []) }
        #expect(failed == RPCStatus(.aborted, "väry %bad\n", metadata: ["retry": "no"]))
        let missing = await status { () throws(RPCStatus) in try await client.unary("/no/one", []) }
        #expect(missing?.code == .unimplemented)
        var counted: [UInt8] = []
        for try await message in client.serverStream(Echo.count, [200]).messages {
            counted += message
        }
        #expect(counted == Array(0..<200))
        let chat = client.stream(Echo.chat)
        var messages = chat.messages.makeAsyncIterator()
        for number in 0..<100 {
            let message = [UInt8](repeating: UInt8(number), count: number * 1_000)
            try await chat.writer.send(message)
            #expect(try await messages.next() == message)
        }
        chat.writer.finish()
        #expect(try await messages.next() == nil)
    }
}
