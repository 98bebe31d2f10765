import ClusterPrimitives
import Glibc
import RaftCore
import ReplicationLog
import Testing

/// The same log on the machine's own files.
@Suite struct POSIXFileSystemTests {
    /// A directory that goes with the test.
    private final class Scratch {
        let path: String

        init() throws {
            var template = Array("/tmp/replication-log-XXXXXX".utf8CString)
            let made = template.withUnsafeMutableBufferPointer { buffer in
                buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
            }
            path = try #require(made)
        }

        deinit {
            let files = POSIXFileSystem()
            for directory in ["\(path)/a/b", "\(path)/a", path] {
                for name in (try? files.list(directory)) ?? [] {
                    unlink("\(directory)/\(name)")
                }
                rmdir(directory)
            }
        }
    }

    private func open(
        _ directory: String,
        _ opening: LogOpening = .createIfMissing
    ) throws(LogError) -> (log: ReplicationLog, recovered: RecoveredLog) {
        try ReplicationLog.open(
            directory: directory,
            fileSystem: POSIXFileSystem(),
            configuration: LogFixture.configuration,
            identity: LogFixture.identity,
            opening: opening
        )
    }

    @Test(arguments: [UInt64(31), 32])
    func aWorkloadOnRealFiles(seed: UInt64) throws {
        let scratch = try Scratch()
        let directory = "\(scratch.path)/a/b"
        var workload = LogWorkload(seed: seed)
        var (log, _) = try open(directory)
        for step in 1...400 {
            try log.append(workload.next())
            if step % 4 == 0 { _ = try log.sync() }
            guard step % 80 == 0 else { continue }
            _ = try log.mark()
            #expect(throws: LogError.locked(file: "\(directory)/log.lock")) {
                _ = try open(directory)
            }
            log.close()
            let (again, recovered) = try open(directory, .existing)
            #expect(try LogModel(again, recovered) == workload.model, "SIM_SEED=\(seed)")
            log = again
        }
        #expect(log.durableEnd.generation > 3)
        log.close()
    }

    @Test func aDirectoryThatIsNotThere() throws {
        let scratch = try Scratch()
        #expect(throws: LogError.missing(directory: "\(scratch.path)/none")) {
            _ = try open("\(scratch.path)/none", .existing)
        }
    }

    @Test func errorsNameTheOperationAndTheFile() throws {
        let files = POSIXFileSystem()
        #expect(throws: LogError.io(.open, errno: ENOENT, file: "/tmp/none/x")) {
            _ = try files.open("/tmp/none/x")
        }
        #expect(throws: LogError.io(.rename, errno: ENOENT, file: "/tmp/none/x")) {
            try files.rename("/tmp/none/x", to: "/tmp/none/y")
        }
        #expect(throws: LogError.io(.remove, errno: ENOENT, file: "/tmp/none/x")) {
            try files.remove("/tmp/none/x")
        }
    }
}
