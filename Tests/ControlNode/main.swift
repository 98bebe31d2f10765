// A node whose replication log does not sync once it serves: the control for the crash tests. Under a
// library that throws unsynced data away it must lose what it acknowledged; if it does not, those tests
// prove nothing.

import CaseNode
import Foundation
import Logging
import ReplicationLog
import ServiceLifecycle
import Synchronization

/// On while the node starts, so that what is lost is what clients were told, not the log itself.
let syncs = Atomic(true)

final class UnsyncedFile: LogFile {
    private let base: any LogFile

    init(_ base: any LogFile) { self.base = base }

    func size() throws(LogError) -> UInt64 { try base.size() }

    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: UInt64
    ) throws(LogError) -> Int {
        try base.read(into: buffer, at: offset)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(LogError) {
        try base.write(bytes, at: offset)
    }

    func synchronize() throws(LogError) {
        if syncs.load(ordering: .relaxed) { try base.synchronize() }
    }

    func preallocate(bytes: UInt64) throws(LogError) { try base.preallocate(bytes: bytes) }

    func truncate(bytes: UInt64) throws(LogError) { try base.truncate(bytes: bytes) }

    func close() { base.close() }
}

struct UnsyncedFileSystem: LogFileSystem {
    private let base = POSIXFileSystem()

    func makeDirectory(_ path: String) throws(LogError) { try base.makeDirectory(path) }

    func list(_ directory: String) throws(LogError) -> [String] { try base.list(directory) }

    func create(_ path: String) throws(LogError) -> any LogFile {
        UnsyncedFile(try base.create(path))
    }

    func open(_ path: String) throws(LogError) -> any LogFile { UnsyncedFile(try base.open(path)) }

    func remove(_ path: String) throws(LogError) { try base.remove(path) }

    func rename(_ path: String, to newPath: String) throws(LogError) {
        try base.rename(path, to: newPath)
    }

    func synchronizeDirectory(_ path: String) throws(LogError) {
        try base.synchronizeDirectory(path)
    }

    func lock(_ path: String) throws(LogError) -> any LogFile { try base.lock(path) }
}

var configuration = NodeConfiguration()
configuration.plaintext = true
var arguments = CommandLine.arguments.dropFirst()
while let flag = arguments.popFirst(), flag != "--plaintext" || !arguments.isEmpty {
    guard flag != "--plaintext" else { continue }
    let name = flag.dropFirst(2)
    guard let value = arguments.popFirst(),
        let option = NodeOption.all.first(where: { $0.name == name }),
        option.apply(&configuration, value) == nil
    else {
        FileHandle.standardError.write(Data("control: bad argument \(flag)\n".utf8))
        exit(NodeExit.configuration)
    }
}
do {
    let node = try await Node.start(
        configuration,
        logFiles: UnsyncedFileSystem(),
        logger: Logger(label: "control")
    )
    syncs.store(false, ordering: .relaxed)
    FileHandle.standardOutput.write(Data("casenode listens on \(node.address)\n".utf8))
    try await ServiceGroup(
        services: [node],
        gracefulShutdownSignals: [.sigterm],
        logger: Logger(label: "control")
    ).run()
} catch {
    FileHandle.standardError.write(Data("control: \(error)\n".utf8))
    exit(NodeExit.code(for: error))
}
