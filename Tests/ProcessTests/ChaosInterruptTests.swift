import Foundation
import Glibc
import ProcessSupport
import Testing

/// Goal: a run of chaos that somebody breaks off leaves nothing behind.
/// Method: SIGINT once nodes run under load; then the program has ended, and its directory is empty.
@Suite(.timeLimit(.minutes(2)))
struct ChaosInterruptTests {
    /// In the second of two runs: the first one must not have used up what hears the signal.
    @Test func aRunThatIsBrokenOffLeavesNothing() async throws {
        let directory = try TemporaryDirectory()
        let output = Pipe()
        var options = ChildProcess.Options(
            NodeProcess.programs.appending(path: "casechaos").path(percentEncoded: false),
            ["--minutes", "0.4", "--seeds", "2", "--faults", "pause", "--workload", "register"],
            environment: Command.environment.merging([
                "TMPDIR": directory.path,
                "CASECLUSTER_BIN": NodeProcess.programs.path(percentEncoded: false),
            ]) { $1 }
        )
        options.output = output.fileHandleForWriting.fileDescriptor
        let process = try ChildProcess.start(options)
        output.fileHandleForWriting.closeFile()
        let said = await everything(from: output.fileHandleForReading) { said in
            // Progress says that calls are answered.
            let runs = said.components(separatedBy: "nodes on ")
            guard runs.count == 3, runs[2].contains("calls,"), !said.contains("breaking off") else {
                return
            }
            process.signal(SIGINT)
        }
        #expect(await process.end() == 130, "\(said)")
        #expect(said.contains("breaking off"))
        let left = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(left.isEmpty, "\(left)")
    }

    /// What comes until the other side is closed; `heard` is told all of it so far with each piece.
    private func everything(
        from handle: FileHandle,
        _ heard: @escaping @Sendable (String) -> Void
    ) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var said = ""
                while true {
                    let piece = handle.availableData
                    guard !piece.isEmpty else { return continuation.resume(returning: said) }
                    said += String(decoding: piece, as: UTF8.self)
                    heard(said)
                }
            }
        }
    }
}
