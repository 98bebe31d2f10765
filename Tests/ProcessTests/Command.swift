import Foundation
import Glibc
import ProcessSupport
import Synchronization

/// A program that is run to its end.
enum Command {
    struct Outcome: Sendable {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Longer than any of these programs needs; then it is killed, and the test fails.
    static let timeLimit: DispatchTimeInterval = .seconds(60)

    /// Runs a program of this build, or one at an absolute path, in `directory` or where the test runs.
    /// `environment` stands beside the test's own without any `CASENODE_…` of that.
    static func run(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        directory: String? = nil
    ) async throws -> Outcome {
        let path =
            program.hasPrefix("/")
            ? program : NodeProcess.programs.appending(path: program).path(percentEncoded: false)
        let output = Pipe()
        let errors = Pipe()
        var options = ChildProcess.Options(
            path,
            arguments,
            environment: Self.environment.merging(environment) { $1 }
        )
        options.directory = directory
        options.output = output.fileHandleForWriting.fileDescriptor
        options.errors = errors.fileHandleForWriting.fileDescriptor
        let process = try ChildProcess.start(options)
        // The child has them now; what it writes ends with it.
        output.fileHandleForWriting.closeFile()
        errors.fileHandleForWriting.closeFile()
        DispatchQueue.global().asyncAfter(deadline: .now() + timeLimit) {
            process.signal(SIGKILL)
        }
        async let said = everything(from: output.fileHandleForReading)
        async let complained = everything(from: errors.fileHandleForReading)
        let status = await process.end()
        return Outcome(status: status, output: await said, errors: await complained)
    }

    /// The test's environment without what would configure a node.
    static let environment = ProcessInfo.processInfo.environment
        .filter { !$0.key.hasPrefix("CASENODE_") }
        .merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }

    private static func everything(from handle: FileHandle) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let bytes = handle.readDataToEndOfFile()
                continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
            }
        }
    }
}

/// All files below a directory, byte by byte: says whether anything changed.
struct FileTree: Equatable {
    private(set) var files: [String: Data] = [:]

    init(_ root: String) throws {
        let below = try FileManager.default.subpathsOfDirectory(atPath: root)
        for path in below {
            var isDirectory: ObjCBool = false
            let whole = root + "/" + path
            guard FileManager.default.fileExists(atPath: whole, isDirectory: &isDirectory) else {
                continue
            }
            files[path] =
                isDirectory.boolValue ? Data() : try Data(contentsOf: URL(filePath: whole))
        }
    }

    /// Paths that differ between the two.
    func changes(to other: FileTree) -> [String] {
        Set(files.keys).union(other.files.keys).filter { files[$0] != other.files[$0] }.sorted()
    }
}
