/// Where a store's file lives: a directory, a name, and the VFS that reads and writes it.
///
/// The path becomes a `file:` URI, so that a simulator's VFS is chosen by name and nothing else differs.
public struct StoreLocation: Hashable, Sendable {
    /// The directory's path, without a slash at its end.
    public let directory: String
    /// The file's name without `.sqlite`.
    public let name: String
    /// A VFS registered with SQLite; nil for the system's.
    public let vfs: String?

    /// Names a place. Nothing is touched.
    public init(directory: String, name: String, vfs: String? = nil) {
        self.directory = directory
        self.name = name
        self.vfs = vfs
    }

    /// The file's plain path.
    public var path: String { "\(directory)/\(name).sqlite" }

    /// The write-ahead log that SQLite keeps beside it.
    var walPath: String { path + "-wal" }

    /// The shared index of the write-ahead log.
    var sharedMemoryPath: String { path + "-shm" }

    /// What SQLite opens.
    var uri: String {
        let escaped = Self.percentEncoded(path)
        guard let vfs else { return "file:\(escaped)" }
        return "file:\(escaped)?vfs=\(Self.percentEncoded(vfs))"
    }

    /// The same place under another name.
    func named(_ name: String) -> StoreLocation {
        StoreLocation(directory: directory, name: name, vfs: vfs)
    }

    /// What has a meaning in SQLite's URIs is escaped.
    private static func percentEncoded(_ text: String) -> String {
        var encoded: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "&"):
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: encoded.append(byte)
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
