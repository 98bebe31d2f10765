import CaseClient
import Foundation
import Glibc

/// A real `casenode` process on loopback, in plain text unless asked for TLS.
package final class NodeProcess: Sendable {
    /// The node ended without ever listening.
    package struct DidNotStart: Error, CustomStringConvertible {
        /// Its exit code, or the signal's number negated.
        package let status: Int32
        /// What it said of it.
        package let errors: String
        package var description: String { "exit \(status): \(errors)" }
    }

    package let options: Options
    private let process: ChildProcess
    private let output: Pipe
    private let errorOutput: Pipe

    /// Where the programs of this build are.
    package static let programs: URL = {
        if let path = ProcessInfo.processInfo.environment["CASECLUSTER_BIN"] {
            return URL(filePath: path)
        }
        return URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: ".build/debug")
    }()

    /// Starts a node and waits until it says that it listens.
    package static func start(_ options: Options) async throws -> NodeProcess {
        let node = try begin(options)
        try await node.untilItListens()
        return node
    }

    /// Starts a node and does not wait for it.
    package static func begin(_ options: Options) throws -> NodeProcess {
        try NodeProcess(options)
    }

    private init(_ options: Options) throws {
        self.options = options
        output = Pipe()
        errorOutput = Pipe()
        let program = Self.programs.appending(path: options.program)
        let words = options.wrapper + [program.path(percentEncoded: false)]
        var start = ChildProcess.Options(
            words[0],
            words.dropFirst() + [
                "--data-directory", options.dataDirectory, "--listen-port", String(options.port),
                "--log-level", "error",
            ] + options.arguments + (options.hasTLS ? [] : ["--plaintext"])
        )
        start.environment.merge(options.environment) { $1 }
        start.environment["SWIFT_BACKTRACE"] = "enable=no"
        let errors = try options.errorPath.map { try Self.appending(to: $0) }
        start.output = output.fileHandleForWriting.fileDescriptor
        start.errors = (errors ?? errorOutput.fileHandleForWriting).fileDescriptor
        process = try ChildProcess.start(start)
        // The node has them now: what it writes ends with it.
        output.fileHandleForWriting.closeFile()
        errorOutput.fileHandleForWriting.closeFile()
    }

    private static func appending(to path: String) throws -> FileHandle {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// What it said of its end, once it has ended: all of it, or where it goes into a file the last line.
    package var complaint: String {
        get throws {
            guard let path = options.errorPath else {
                let errors = errorOutput.fileHandleForReading.readDataToEndOfFile()
                return String(decoding: errors, as: UTF8.self)
            }
            let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            return lines.last.map(String.init) ?? ""
        }
    }

    /// Waits until it says that it listens, once.
    package func untilItListens() async throws {
        let said = await firstLine(of: output.fileHandleForReading)
        guard said.contains("listens on") else {
            let status = await exit()
            throw DidNotStart(status: status, errors: try complaint)
        }
    }

    /// Whether it had come to listen before it ended; for a node that nobody waited for.
    package func hadListened() async -> Bool {
        _ = await exit()
        return await firstLine(of: output.fileHandleForReading).contains("listens on")
    }

    /// Empty at the end of the file.
    private func firstLine(of handle: FileHandle) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var line = Data()
                while let byte = handle.readData(ofLength: 1).first, byte != UInt8(ascii: "\n") {
                    line.append(byte)
                }
                continuation.resume(returning: String(decoding: line, as: UTF8.self))
            }
        }
    }

    /// Waits for the end: the exit code, or the signal's number negated.
    package func exit() async -> Int32 { await process.end() }

    /// Sends a signal.
    package func signal(_ number: Int32) { process.signal(number) }

    /// `kill -9`, and waits for the end.
    package func kill() async {
        signal(SIGKILL)
        _ = await exit()
    }

    /// Asks for a clean stop, and waits for the end.
    package func stop() async -> Int32 {
        signal(SIGTERM)
        return await exit()
    }

    /// The token of the first admin.
    package var adminToken: String {
        get throws {
            try String(contentsOfFile: options.dataDirectory + "/admin.token", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// A client with a token. There is no other node to turn to, so it does not give an attempt up early: a second
    /// one would find what the first had done.
    package func client(token: String, deadline: Duration = .seconds(20)) throws -> CaseClient {
        try CaseClient(
            CaseClientConfiguration(
                endpoints: [CaseEndpoint(host: options.host, port: options.port)],
                security: options.hasTLS ? .tls(roots: options.authorityPath) : .plaintext,
                token: token,
                deadline: deadline,
                attemptDeadline: deadline
            )
        )
    }
}
