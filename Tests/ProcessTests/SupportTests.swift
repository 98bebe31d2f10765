import ClusterPrimitives
import Foundation
import Glibc
import ProcessSupport
import Testing

/// What the other suites here stand on.
@Suite(.timeLimit(.minutes(1)))
struct SupportTests {
    @Test func aChildEndsWithItsCodeOrItsSignal() async throws {
        let shell = { (words: String) in ChildProcess.Options("sh", ["-c", words]) }
        #expect(try ChildProcess.run(shell("exit 7")) == 7)
        #expect(try ChildProcess.run(shell("kill -TERM $$")) == -SIGTERM)
        // Itself, not by a shell, whose child would live on and keep this process' output open.
        let sleeper = try ChildProcess.start(.init("sleep", ["1000"]))
        #expect(sleeper.isRunning)
        sleeper.signal(SIGKILL)
        #expect(await sleeper.end() == -SIGKILL)
        #expect(!sleeper.isRunning)
        sleeper.signal(SIGKILL)
        #expect(throws: ChildProcess.NotStarted.self) {
            try ChildProcess.run(.init("/nowhere/at/all", []))
        }
    }

    /// A pipe that another child inherited would not end with the child that writes to it.
    @Test func aChildHasItsThreeDescriptorsAndItsFolder() async throws {
        let directory = try TemporaryDirectory()
        let pipe = Pipe()
        var options = ChildProcess.Options("sh", ["-c", "pwd; ls /proc/self/fd; cat"])
        options.directory = directory.path
        options.output = pipe.fileHandleForWriting.fileDescriptor
        let child = try ChildProcess.start(options)
        let other = try ChildProcess.start(.init("sleep", ["1000"]))
        pipe.fileHandleForWriting.closeFile()
        let said = try pipe.fileHandleForReading.readToEnd() ?? Data()
        #expect(await child.end() == 0)
        let lines = String(decoding: said, as: UTF8.self).split(separator: "\n")
        #expect(lines.first?.hasSuffix(directory.path) == true)
        // The fourth is that of the folder which `ls` reads.
        #expect(lines.dropFirst() == ["0", "1", "2", "3"])
        other.signal(SIGKILL)
        #expect(await other.end() == -SIGKILL)
    }

    /// A process that was killed leaves what libfaketime keeps for it, by its number; a later process of that
    /// number must start all the same.
    /// The shell leaves it, and becomes the program.
    @Test func aClockStandsWhereAProcessOfTheSameNumberDied() async throws {
        let clock = try FakeClock(startingAt: Self.start)
        let left = "/dev/shm/sem.faketime_sem_"
        let (shown, pid) = try await time(
            under: clock,
            shell: ": >\(left)$$; LD_PRELOAD=$LIBRARIES exec date +%s"
        )
        unlink("\(left)\(pid)")
        #expect(shown.map { abs(($0 - Self.start).milliseconds) < 60_000 } == true)
    }

    /// A program whose allocator looks at the clock, as release builds' does, before libfaketime knows what to
    /// answer, starts all the same.
    @Test func aClockStandsUnderAnAllocatorThatLooksAtIt() async throws {
        let allocators = try FileManager.default.contentsOfDirectory(atPath: "/usr/lib")
            .map { "/usr/lib/\($0)/libjemalloc.so.2" }
        let allocator = try #require(
            allocators.first { FileManager.default.fileExists(atPath: $0) },
            "Deploy/prepare installs libjemalloc2"
        )
        let clock = try FakeClock(startingAt: Self.start)
        let (shown, _) = try await time(
            under: clock,
            shell: "exec timeout 20 env LD_PRELOAD=\"$LIBRARIES \(allocator)\" date +%s"
        )
        #expect(shown.map { abs(($0 - Self.start).milliseconds) < 60_000 } == true)
    }

    private static let start = Timestamp(millisecondsSince1970: 1_773_000_000_000)

    /// What a shell's program says of the time, in seconds; `$LIBRARIES` is what it is to load first.
    private func time(
        under clock: FakeClock,
        shell words: String
    ) async throws -> (shown: Timestamp?, pid: pid_t) {
        let pipe = Pipe()
        var options = ChildProcess.Options("sh", ["-c", words])
        options.environment.merge(try clock.environment()) { $1 }
        options.environment["LIBRARIES"] = clock.libraries
        options.environment["LD_PRELOAD"] = nil
        options.output = pipe.fileHandleForWriting.fileDescriptor
        let child = try ChildProcess.start(options)
        pipe.fileHandleForWriting.closeFile()
        let said = try pipe.fileHandleForReading.readToEnd() ?? Data()
        #expect(await child.end() == 0)
        let text = String(decoding: said, as: UTF8.self)
        let seconds = Int64(text.trimmingCharacters(in: .whitespacesAndNewlines))
        return (seconds.map { Timestamp(millisecondsSince1970: $0 * 1_000) }, child.pid)
    }
}
