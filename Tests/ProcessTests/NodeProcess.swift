import CaseClient
import Foundation
import Glibc
import Synchronization

/// A real `casenode` process on loopback, in plain text unless asked for TLS.
final class NodeProcess: Sendable {
    /// What one start is told.
    struct Options: Sendable {
        var program = "casenode"
        var dataDirectory: String
        var port: Int
        var arguments: [String] = []
        var environment: [String: String] = [:]
        /// TLS with the certificate that the node makes for itself.
        var hasTLS = false

        /// The authority that a client has to trust then.
        var authorityPath: String { dataDirectory + "/tls/ca.pem" }
    }

    struct DidNotStart: Error, CustomStringConvertible {
        let status: Int32
        let errors: String
        var description: String { "exit \(status): \(errors)" }
    }

    let options: Options
    private let process: Process
    private let exitStatus = Mutex<Int32?>(nil)
    private let exitWaiters = Mutex<[CheckedContinuation<Int32, Never>]>([])
    private let output = Pipe()
    private let errorOutput = Pipe()

    /// Where the programs of this build are.
    static let programs: URL = {
        if let path = ProcessInfo.processInfo.environment["CASECLUSTER_BIN"] {
            return URL(filePath: path)
        }
        return URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: ".build/debug")
    }()

    private init(_ options: Options) {
        self.options = options
        process = Process()
    }

    /// Starts a node and waits until it says that it listens.
    static func start(_ options: Options) async throws -> NodeProcess {
        let node = try begin(options)
        try await node.untilItListens()
        return node
    }

    /// Starts a node and does not wait for it.
    static func begin(_ options: Options) throws -> NodeProcess {
        let node = NodeProcess(options)
        try node.launch()
        return node
    }

    private func launch() throws {
        process.executableURL = Self.programs.appending(path: options.program)
        process.arguments =
            [
                "--data-directory", options.dataDirectory, "--listen-port", String(options.port),
                "--log-level", "error",
            ] + options.arguments + (options.hasTLS ? [] : ["--plaintext"])
        var environment = ProcessInfo.processInfo.environment
        environment.merge(options.environment) { $1 }
        environment["SWIFT_BACKTRACE"] = "enable=no"
        process.environment = environment
        process.standardOutput = output
        process.standardError = errorOutput
        process.terminationHandler = { [self] process in
            let status =
                process.terminationReason == .uncaughtSignal
                ? -process.terminationStatus : process.terminationStatus
            exitStatus.withLock { $0 = status }
            let waiters = exitWaiters.withLock { waiters in
                defer { waiters = [] }
                return waiters
            }
            for waiter in waiters { waiter.resume(returning: status) }
        }
        try process.runAlone()
    }

    /// Waits until it says that it listens, once.
    func untilItListens() async throws {
        let said = await firstLine(of: output.fileHandleForReading)
        guard said.contains("listens on") else {
            let status = await exit()
            let errors = errorOutput.fileHandleForReading.readDataToEndOfFile()
            throw DidNotStart(status: status, errors: String(decoding: errors, as: UTF8.self))
        }
    }

    /// Whether it had come to listen before it ended; for a node that nobody waited for.
    func hadListened() async -> Bool {
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
    func exit() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status: Int32? = exitWaiters.withLock { waiters in
                if let status = exitStatus.withLock({ $0 }) { return status }
                waiters.append(continuation)
                return nil
            }
            if let status { continuation.resume(returning: status) }
        }
    }

    /// Sends a signal.
    func signal(_ number: Int32) { Glibc.kill(process.processIdentifier, number) }

    /// `kill -9`, and waits for the end.
    func kill() async {
        signal(SIGKILL)
        _ = await exit()
    }

    /// Asks for a clean stop, and waits for the end.
    func stop() async -> Int32 {
        signal(SIGTERM)
        return await exit()
    }

    /// The token of the first admin.
    var adminToken: String {
        get throws {
            try String(contentsOfFile: options.dataDirectory + "/admin.token", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// A client with a token.
    func client(token: String, deadline: Duration = .seconds(20)) throws -> CaseClient {
        try CaseClient(
            CaseClientConfiguration(
                endpoints: [CaseEndpoint(host: "127.0.0.1", port: options.port)],
                security: options.hasTLS ? .tls(roots: options.authorityPath) : .plaintext,
                token: token,
                deadline: deadline
            )
        )
    }
}

/// A directory of its own that goes when the test ends.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appending(path: "casecluster-\(UUID().uuidString.prefix(13))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path(percentEncoded: false)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            FileHandle.standardError.write(Data("left behind: \(path)\n".utf8))
        }
    }
}

/// A port of loopback that nobody listens on now.
func freePort() -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            _ = bind(descriptor, $0, length)
            _ = getsockname(descriptor, $0, &length)
        }
    }
    return Int(UInt16(bigEndian: address.sin_port))
}

extension Process {
    private static let spawning = Locked(())

    /// Starts it while no other is being started.
    ///
    /// Foundation learns of a child's end from a socket whose other end the child holds. A child that is
    /// started at the same moment inherits that end too, and while it lives the first one seems to live.
    func runAlone() throws {
        let outcome = Self.spawning.withLock { _ in Result { try run() } }
        try outcome.get()
    }
}
