import CaseProtocol
import ClusterPrimitives
import NIOPosix
import RPC
import RaftCore
import SwiftProtobuf
import Synchronization

/// Takes snapshots from other nodes into the files that their replicas name, a few at a time.
final class SnapshotIntake: Sendable {
    private let handshake: PeerHandshake
    private let receivers: ReceiverTable
    private let files: NIOThreadPool
    private let running = Mutex(0)

    init(handshake: PeerHandshake, receivers: ReceiverTable, files: NIOThreadPool) {
        self.handshake = handshake
        self.receivers = receivers
        self.files = files
    }

    /// Answers a `Snapshot` call.
    func take(_ call: StreamCall) {
        let hasRoom = running.withLock { running in
            guard running < PeerLimits.snapshotsMax else { return false }
            running += 1
            return true
        }
        guard hasRoom else {
            return call.writer.finish(RPCStatus(.resourceExhausted, "others are coming in"))
        }
        let task = Task { [self] in
            do {
                try await receive(call)
                try await call.writer.send(try PBSnapshotReceipt().serializedBytes())
                call.writer.finish()
            } catch let status as RPCStatus {
                call.writer.finish(status)
            } catch {
                call.writer.finish(RPCStatus(.internalError, "\(error)"))
            }
            running.withLock { $0 -= 1 }
        }
        call.context.onCancel { task.cancel() }
    }

    private func receive(_ call: StreamCall) async throws {
        var frames = call.messages.makeAsyncIterator()
        guard let first = try await frames.next() else {
            throw RPCStatus(.invalidArgument, "head: is missing")
        }
        let head = try MessageCoding.decode(PBSnapshotFrame.self, first).head
        let from = try handshake.check(caller: head.hello, call.context.peer)
        let message: ReplicaMessage
        do {
            message = try ReplicaMessage(decoding: [UInt8](head.message))
        } catch {
            throw RPCStatus(.invalidArgument, "head.message: \(error)")
        }
        guard message.kind == .snapshot, message.from == from, message.to == handshake.node else {
            throw RPCStatus(
                .invalidArgument,
                "head.message: is no snapshot from its sender to here"
            )
        }
        guard let receiver = receivers.receiver(of: GroupID(rawValue: head.group)) else {
            throw RPCStatus(.notFound, "head.group: no replica of \(head.group) here")
        }
        guard let path = receiver.beginSnapshot() else {
            throw RPCStatus(.aborted, "a snapshot of this group is coming in already")
        }
        do {
            try await write(&frames, to: path, size: head.size)
        } catch {
            receiver.abandonSnapshot()
            throw error
        }
        let isTaken = await withCheckedContinuation { continuation in
            receiver.receivedSnapshot(message) { continuation.resume(returning: $0) }
        }
        guard isTaken else { throw RPCStatus(.aborted, "the replica did not take it") }
    }

    private func write(
        _ frames: inout RPCMessages.AsyncIterator,
        to path: String,
        size: UInt64
    ) async throws {
        let file = try SnapshotFile(writing: path)
        defer { file.close() }
        var offset: UInt64 = 0
        var checksum: UInt32 = 0
        while let bytes = try await frames.next() {
            let chunk = try MessageCoding.decode(PBSnapshotFrame.self, bytes)
            let data = [UInt8](chunk.data)
            checksum = CRC32C.checksum(data, seed: checksum)
            guard chunk.offset == offset, chunk.checksum == checksum,
                data.count <= PeerLimits.chunkBytes
            else { throw RPCStatus(.dataLoss, "byte \(offset): the snapshot is damaged") }
            offset += UInt64(data.count)
            guard offset <= size else {
                throw RPCStatus(.invalidArgument, "more than the \(size) bytes announced")
            }
            try await files.runIfActive { try file.write(data) }
        }
        guard offset == size else {
            throw RPCStatus(.dataLoss, "ended after \(offset) of \(size) bytes")
        }
        try await files.runIfActive { try file.synchronize() }
    }
}
