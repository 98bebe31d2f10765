import Foundation
import Glibc

/// Says at once what happens to the names in a directory (Linux's inotify).
final class DirectoryWatch: Sendable {
    struct Event: Sendable {
        enum Kind: Sendable {
            case created
            case written
            case movedHere
            case removed
        }

        let kind: Kind
        let name: String
    }

    struct Failure: Error { let errno: Int32 }

    private static let kinds: [(mask: UInt32, kind: Event.Kind)] = [
        (UInt32(IN_CREATE), .created), (UInt32(IN_MODIFY), .written),
        (UInt32(IN_MOVED_TO), .movedHere), (UInt32(IN_DELETE), .removed),
    ]
    /// Room for some hundred events at a time.
    private static let bufferBytes = 1 << 16

    private let descriptor: Int32
    private let watch: Int32

    /// `handler` runs on the watch's own thread, for one event after the other, until `stop`.
    init(_ path: String, handler: @escaping @Sendable (Event) -> Void) throws {
        descriptor = inotify_init1(Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { throw Failure(errno: errno) }
        watch = inotify_add_watch(descriptor, path, Self.kinds.reduce(0) { $0 | $1.mask })
        guard watch >= 0 else {
            close(descriptor)
            throw Failure(errno: errno)
        }
        let descriptor = descriptor
        Thread.detachNewThread { Self.read(descriptor, handler) }
    }

    /// The thread ends; the descriptor goes with it.
    func stop() { inotify_rm_watch(descriptor, watch) }

    private static func read(_ descriptor: Int32, _ handler: (Event) -> Void) {
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: bufferBytes)
        let headBytes = MemoryLayout<inotify_event>.size
        while true {
            let count = Glibc.read(descriptor, &buffer, bufferBytes)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            var offset = 0
            while offset + headBytes <= count {
                let head = buffer.withUnsafeBytes {
                    $0.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                }
                guard head.mask & UInt32(IN_IGNORED) == 0 else { return }
                let end = offset + headBytes + Int(head.len)
                let name = buffer[offset + headBytes..<end].prefix { $0 != 0 }
                for (mask, kind) in kinds where head.mask & mask != 0 {
                    handler(Event(kind: kind, name: String(decoding: name, as: UTF8.self)))
                }
                offset = end
            }
        }
    }
}
