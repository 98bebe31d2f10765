import CaseProtocol
import ClusterPrimitives
import Foundation
import Glibc
import HTTP2Transport
import NIOCore
import NIOPosix
import RPC
import RaftCore
import SwiftProtobuf
import Synchronization

/// Sends snapshots, each on a connection of its own, a few at a time.
final class SnapshotSender: Sendable {
    private struct State {
        var running = 0
        var isStopped = false
        var tasks: [UInt64: Task<Void, Never>] = [:]
        var counter: UInt64 = 0
    }

    private let handshake: PeerHandshake
    private let tls: TLSContext?
    private let group: any EventLoopGroup
    private let files: NIOThreadPool
    private let state = Mutex(State())

    init(
        handshake: PeerHandshake,
        tls: TLSContext?,
        group: any EventLoopGroup,
        files: NIOThreadPool
    ) {
        self.handshake = handshake
        self.tls = tls
        self.group = group
        self.files = files
    }

    /// Sends a file; the reply says why it did not arrive, or nil.
    func send(
        _ message: ReplicaMessage,
        group: GroupID,
        path: String,
        to target: RPCTarget,
        reply: @escaping @Sendable (RPCStatus?) -> Void
    ) {
        let hasRoom = state.withLock { state in
            guard !state.isStopped, state.running < PeerLimits.snapshotsMax else { return false }
            state.running += 1
            return true
        }
        guard hasRoom else {
            return reply(RPCStatus(.resourceExhausted, "others are being sent"))
        }
        let id = state.withLock { state in
            state.counter += 1
            return state.counter
        }
        let task = Task { [self] in
            var failure: RPCStatus?
            do {
                try await transfer(message, group: group, path: path, to: target)
            } catch let status as RPCStatus {
                failure = status
            } catch {
                failure = RPCStatus(.internalError, "\(error)")
            }
            state.withLock { state in
                state.running -= 1
                state.tasks[id] = nil
            }
            reply(failure)
        }
        // It may have ended already; then nothing is kept.
        state.withLock { state in
            if state.running > 0 { state.tasks[id] = task }
        }
    }

    /// Breaks off what is on its way.
    func stop() async {
        let tasks = state.withLock { state in
            state.isStopped = true
            defer { state.tasks = [:] }
            return Array(state.tasks.values)
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    private func transfer(
        _ message: ReplicaMessage,
        group id: GroupID,
        path: String,
        to target: RPCTarget
    ) async throws {
        let file = try SnapshotFile(reading: path)
        defer { file.close() }
        var configuration = RPCClient.Configuration(targets: [target], tls: tls)
        configuration.http2 = PeerLimits.http2
        configuration.rpc = PeerLimits.rpc
        configuration.connectTime = .seconds(PeerLimits.connectSeconds)
        let client = RPCClient(configuration, group: group)
        do {
            try await stream(file, message, id, client)
        } catch {
            await client.shutdown(within: .zero)
            throw error
        }
        await client.shutdown(within: .zero)
    }

    private func stream(
        _ file: SnapshotFile,
        _ message: ReplicaMessage,
        _ id: GroupID,
        _ client: RPCClient
    ) async throws {
        let call = client.stream(
            PeerService.path("Snapshot"),
            deadline: .now() + .seconds(PeerLimits.snapshotSeconds)
        )
        let head = PBSnapshotFrame.with {
            $0.head.hello = handshake.hello(to: message.to)
            $0.head.group = id.rawValue
            $0.head.message = Data(message.encodedBytes)
            $0.head.size = file.size
        }
        do {
            try await call.writer.send(try head.serializedBytes())
            var offset: UInt64 = 0
            var checksum: UInt32 = 0
            while offset < file.size {
                let bytes = try await files.runIfActive {
                    try file.read(PeerLimits.chunkBytes)
                }
                guard !bytes.isEmpty else {
                    throw RPCStatus(.dataLoss, "the snapshot's file got shorter")
                }
                checksum = CRC32C.checksum(bytes, seed: checksum)
                let chunk = PBSnapshotFrame.with {
                    $0.offset = offset
                    $0.data = Data(bytes)
                    $0.checksum = checksum
                }
                offset += UInt64(bytes.count)
                try await call.writer.send(try chunk.serializedBytes())
            }
            call.writer.finish()
        } catch {
            // The receiver's own words say more than that the call is over.
            call.cancel()
            throw error
        }
        for try await _ in call.messages { return }
        throw RPCStatus(.internalError, "the receiver did not say whether it took the snapshot")
    }
}

/// A snapshot's file, in order from its beginning. Used by one task at a time.
///
/// `@unchecked Sendable`: its one user hands it from thread to thread.
final class SnapshotFile: @unchecked Sendable {
    private let descriptor: Int32
    private let path: String
    /// Bytes when it was opened; 0 for one that is written.
    let size: UInt64

    /// Opens a complete file.
    init(reading path: String) throws(RPCStatus) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let failure = Self.failure(path)
            Glibc.close(descriptor)
            throw failure
        }
        size = UInt64(status.st_size)
    }

    /// Makes a file, or empties the one that is there.
    init(writing path: String) throws(RPCStatus) {
        self.path = path
        size = 0
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path) }
    }

    /// The next bytes; empty at the end.
    func read(_ countMax: Int) throws(RPCStatus) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: countMax)
        while true {
            let count = Glibc.read(descriptor, &bytes, countMax)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure(path) }
            bytes.removeLast(countMax - count)
            return bytes
        }
    }

    func write(_ bytes: [UInt8]) throws(RPCStatus) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + offset }, bytes.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(path) }
            offset += count
        }
    }

    /// Makes what was written durable.
    func synchronize() throws(RPCStatus) {
        guard fsync(descriptor) == 0 else { throw Self.failure(path) }
    }

    func close() { Glibc.close(descriptor) }

    private static func failure(_ path: String) -> RPCStatus {
        let code: RPCStatusCode = errno == ENOSPC ? .resourceExhausted : .unavailable
        return RPCStatus(code, "\(path): \(String(cString: strerror(errno)))")
    }
}
