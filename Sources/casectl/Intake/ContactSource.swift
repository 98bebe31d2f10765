import CaseClient
import Foundation

/// One contact on its way in: what a person would call it, and its bytes or why there are none.
struct PendingContact: Sendable {
    /// A path, or `inbox.mbox message 17`.
    let name: String
    let content: Result<[UInt8], Failure>
}

/// Walks files, directories, mbox files and standard input; holds one contact at a time.
///
/// Directories are walked in the order of their names, sub-directories too, without hidden files:
/// the same directory gives the same order each time.
struct ContactSource {
    private var paths: [String]
    private let isMbox: Bool
    private var mbox: OpenMbox?

    private struct OpenMbox {
        let path: String
        let handle: FileHandle
        var splitter: MboxSplitter
        var items: ArraySlice<MboxSplitter.Item> = []
        var number = 0
        var isAtEnd = false
    }

    /// Paths in the order to be taken.
    init(_ paths: [String], isMbox: Bool) throws(Failure) {
        self.isMbox = isMbox
        var all: [String] = []
        for path in paths { all += try Self.expand(path) }
        self.paths = all.reversed()
    }

    /// The next contact; nil at the end.
    mutating func next() -> PendingContact? {
        while true {
            if let contact = nextOfMbox() { return contact }
            guard let path = paths.popLast() else { return nil }
            guard isMbox else { return Self.whole(path) }
            do throws(Failure) {
                mbox = OpenMbox(
                    path: path,
                    handle: try Files.open(path),
                    splitter: MboxSplitter(bytesMax: IncomingContact.bytesMax)
                )
            } catch {
                return PendingContact(name: Files.name(path), content: .failure(error))
            }
        }
    }

    private static func whole(_ path: String) -> PendingContact {
        do throws(Failure) {
            let bytes = try Files.read(path, bytesMax: IncomingContact.bytesMax)
            return PendingContact(name: Files.name(path), content: .success(bytes))
        } catch {
            return PendingContact(name: Files.name(path), content: .failure(error))
        }
    }

    private mutating func nextOfMbox() -> PendingContact? {
        guard var open = mbox else { return nil }
        defer { mbox = open.isAtEnd && open.items.isEmpty ? nil : open }
        while open.items.isEmpty, !open.isAtEnd {
            do throws(Failure) {
                let chunk = try Files.next(open.handle, open.path)
                open.isAtEnd = chunk.isEmpty
                open.items =
                    (chunk.isEmpty ? open.splitter.finish() : open.splitter.take(chunk))[...]
            } catch {
                open.isAtEnd = true
                return PendingContact(name: Files.name(open.path), content: .failure(error))
            }
            if open.isAtEnd { Files.close(open.handle, open.path) }
        }
        guard let item = open.items.popFirst() else { return nil }
        open.number += 1
        let name = "\(Files.name(open.path)) message \(open.number)"
        switch item {
        case .message(let bytes): return PendingContact(name: name, content: .success(bytes))
        case .tooLong(let bytes):
            return PendingContact(
                name: name,
                content: .failure(
                    Failure(
                        .badInput,
                        "\(bytes) bytes, at most \(IncomingContact.bytesMax) are taken"
                    )
                )
            )
        case .noSeparator:
            return PendingContact(
                name: name,
                content: .failure(
                    Failure(.badInput, "what stands before the first 'From ' line is no message")
                )
            )
        }
    }

    private static func expand(_ path: String) throws(Failure) -> [String] {
        guard path != "-" else { return ["-"] }
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw Failure(.notFound, "\(path): no such file or directory")
        }
        guard isDirectory.boolValue else { return [path] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw Failure(.badInput, "\(path): can't be read: \(error.localizedDescription)")
        }
        var all: [String] = []
        for name in names.sorted() where !name.hasPrefix(".") {
            all += try expand(path.hasSuffix("/") ? path + name : "\(path)/\(name)")
        }
        return all
    }
}
