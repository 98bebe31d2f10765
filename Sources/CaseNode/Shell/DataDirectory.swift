import ClusterPrimitives
import Foundation
import Glibc
import Synchronization

/// Why a data directory can't be used. Nothing was changed in it.
public enum DataDirectoryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There are files in it, and they are not ours.
    case foreign(path: String)
    /// Made by a newer program.
    case newer(path: String, found: Int, known: Int)
    /// Another process uses it.
    case inUse(path: String)
    /// Another node's.
    case otherNode(path: String, found: NodeID, expected: NodeID)
    /// A node's of another cluster.
    case otherCluster(path: String)
    /// The node was a member before, and the directory has nothing of it.
    case lost(path: String, node: NodeID)
    /// Its identity can't be read.
    case damaged(path: String, reason: String)
    /// The system said no.
    case io(path: String, reason: String)

    /// For people: what is wrong and what to do.
    public var description: String {
        switch self {
        case .foreign(let path):
            "\(path) holds files of something else: give an empty directory with --data-directory"
        case .newer(let path, let found, let known):
            "\(path) has data format \(found), this program knows \(known): run a newer casenode"
        case .inUse(let path): "\(path) is in use by another casenode"
        case .otherNode(let path, let found, let expected):
            "\(path) is node \(found)'s, and this is node \(expected): give its own directory"
        case .otherCluster(let path):
            "\(path) belongs to another cluster than --initial-members and --cluster-token, or "
                + "--cluster-id, name"
        case .lost(let path, let node):
            "\(path) is empty, but node \(node) has taken part in this cluster: what it voted and "
                + "acknowledged is gone. It must not come back under this id"
        case .damaged(let path, let reason): "\(path): \(reason)"
        case .io(let path, let reason): "\(path): \(reason)"
        }
    }
}

/// The directory that a node lives in: its lock, its identity, and where everything stands.
///
///     identity        who the node is, text, written once
///     lock            held while a node runs
///     admin.token     the first token, mode 0600
///     tls/            certificates, if the node made its own
///     log/            the replication log
///     store/          system.sqlite, shard-0000.sqlite ...
///     store/left-0000     the node had a replica of that shard once and gave it away: see `LeftShards`
final class DataDirectory: Sendable {
    /// The format that this program writes, and the newest that it reads.
    static let formatVersion = 1

    let path: String
    let nodeID: NodeID
    let clusterID: [UInt8]
    /// This start made the directory.
    let isNew: Bool
    /// The node was taken into a cluster that there was: it begins without a vote anywhere.
    let isJoiner: Bool
    private let lock: Mutex<Int32?>

    var logPath: String { path + "/log" }
    var storePath: String { path + "/store" }
    var tlsPath: String { path + "/tls" }
    var adminTokenPath: String { path + "/admin.token" }
    var foundedPath: String { path + "/founded" }

    /// A shard's file without its ending.
    func shardStoreName(_ shard: ShardID) -> String {
        let digits = String(shard.rawValue)
        return "shard-\(String(repeating: "0", count: 4 - digits.count))\(digits)"
    }

    /// Opens or makes the directory, and locks it until the process ends.
    /// - Parameters:
    ///   - path: made if it is not there.
    ///   - newNodeID: the node's id, if the directory has none yet.
    ///   - newClusterID: the cluster's, 16 bytes, if the directory has none yet.
    ///   - joins: a new directory is that of a node that joins a cluster.
    ///   - expectedNode: who it must belong to if it has an owner; nil for whoever it is.
    ///   - expectedCluster: likewise.
    /// - Throws: before anything is changed where the directory is foreign, newer, another's, damaged or in use.
    init(
        path: String,
        newNodeID: NodeID,
        newClusterID: [UInt8],
        joins: Bool = false,
        expectedNode: NodeID? = nil,
        expectedCluster: [UInt8]? = nil
    ) throws(DataDirectoryError) {
        precondition(newClusterID.count == 16)
        self.path = path
        try Self.makeDirectoryDurably(path)
        let identityPath = path + "/identity"
        if try Self.isForeign(path) { throw .foreign(path: path) }
        let descriptor = try Self.takeLock(path)
        do throws(DataDirectoryError) {
            let known = access(identityPath, F_OK) == 0 ? try Self.readIdentity(identityPath) : nil
            if let known, let expectedCluster, known.cluster != expectedCluster {
                throw .otherCluster(path: path)
            }
            if let known, let expectedNode, known.node != expectedNode {
                throw .otherNode(path: path, found: known.node, expected: expectedNode)
            }
            nodeID = known?.node ?? newNodeID
            clusterID = known?.cluster ?? newClusterID
            isNew = known == nil
            isJoiner = known?.isJoiner ?? joins
            if known == nil {
                try Self.writeIdentity(
                    identityPath,
                    Identity(node: newNodeID, cluster: newClusterID, isJoiner: joins)
                )
            }
            try Self.makeDirectory(path + "/log")
            try Self.makeDirectory(path + "/store")
            try Self.synchronizeDirectory(path)
        } catch {
            close(descriptor)
            throw error
        }
        lock = Mutex(descriptor)
    }

    /// Who a directory belongs to.
    private struct Identity {
        let node: NodeID
        let cluster: [UInt8]
        let isJoiner: Bool
    }

    private static func writeIdentity(
        _ path: String,
        _ identity: Identity
    ) throws(DataDirectoryError) {
        var text = """
            casecluster data directory
            format \(formatVersion)
            node \(identity.node)
            cluster \(Hex.encode(identity.cluster))

            """
        if identity.isJoiner { text += "origin joined\n" }
        try writeDurably(Array(text.utf8), to: path, mode: 0o644)
    }

    deinit { release() }

    /// Gives the lock back: another may open the directory.
    func release() {
        let descriptor = lock.withLock { lock in
            defer { lock = nil }
            return lock
        }
        if let descriptor { close(descriptor) }
    }

    /// An existing directory is ours if it has our identity, or nothing but what an interrupted first start leaves.
    private static func isForeign(_ path: String) throws(DataDirectoryError) -> Bool {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw .io(path: path, reason: "can't be listed: \(error.localizedDescription)")
        }
        if names.contains("identity") { return false }
        let harmless: Set<String> = ["lock", "tls", "identity.new", "lost+found"]
        return names.contains { !harmless.contains($0) }
    }

    private static func takeLock(_ path: String) throws(DataDirectoryError) -> Int32 {
        let descriptor = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .io(path: path + "/lock", reason: errorText()) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .inUse(path: path)
        }
        return descriptor
    }

    private static func readIdentity(
        _ path: String
    ) throws(DataDirectoryError) -> Identity {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw .io(path: path, reason: "can't be read: \(error.localizedDescription)")
        }
        let lines = text.split(separator: "\n")
        guard lines.first == "casecluster data directory" else { throw .foreign(path: path) }
        var values: [Substring: Substring] = [:]
        for line in lines.dropFirst() {
            let words = line.split(separator: " ")
            guard words.count == 2 else {
                throw .damaged(path: path, reason: "a line has not two words")
            }
            values[words[0]] = words[1]
        }
        guard let format = values["format"].flatMap({ Int($0) }) else {
            throw .damaged(path: path, reason: "has no format")
        }
        guard format <= formatVersion else {
            throw .newer(path: path, found: format, known: formatVersion)
        }
        guard let node = values["node"].flatMap({ UInt64($0) }), node > 0,
            let cluster = values["cluster"].flatMap({ Hex.decode(String($0)) }), cluster.count == 16
        else { throw .damaged(path: path, reason: "names no node or no cluster") }
        let isJoiner = values["origin"] == "joined"
        return Identity(node: NodeID(node), cluster: cluster, isJoiner: isJoiner)
    }

    private static func makeDirectory(_ path: String) throws(DataDirectoryError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw .io(path: path, reason: "can't be made: \(error.localizedDescription)")
        }
    }

    /// Makes a directory, and what is missing above it, so that a power cut can't take it away again: with it
    /// would go everything that was acknowledged in it.
    private static func makeDirectoryDurably(_ path: String) throws(DataDirectoryError) {
        var missing: [String] = []
        var next = URL(fileURLWithPath: path).standardizedFileURL.path
        while next != "/", access(next, F_OK) != 0 {
            missing.append(next)
            next = (next as NSString).deletingLastPathComponent
        }
        try makeDirectory(path)
        for made in missing {
            try synchronizeDirectory((made as NSString).deletingLastPathComponent)
        }
    }

    private static func synchronizeDirectory(_ path: String) throws(DataDirectoryError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .io(path: path, reason: errorText()) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .io(path: path, reason: errorText()) }
    }

    /// Writes a file so that after a crash it is there whole or not at all.
    static func writeDurably(
        _ bytes: [UInt8],
        to path: String,
        mode: mode_t
    ) throws(DataDirectoryError) {
        let temporary = path + ".new"
        do throws(DataDirectoryError) {
            try write(bytes, to: temporary, mode: mode)
            guard rename(temporary, path) == 0 else { throw .io(path: path, reason: errorText()) }
        } catch {
            // What is left of it is of no use, and takes room that may be what is missing.
            unlink(temporary)
            throw error
        }
        try synchronizeDirectory((path as NSString).deletingLastPathComponent)
    }

    /// Removes a file, if it is there, so that it stays removed.
    static func removeDurably(_ path: String) throws(DataDirectoryError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw .io(path: path, reason: errorText())
        }
        try synchronizeDirectory((path as NSString).deletingLastPathComponent)
    }

    private static func write(
        _ bytes: [UInt8],
        to path: String,
        mode: mode_t
    ) throws(DataDirectoryError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .io(path: path, reason: errorText()) }
        defer { close(descriptor) }
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + offset }, bytes.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .io(path: path, reason: errorText()) }
            offset += count
        }
        guard fsync(descriptor) == 0 else { throw .io(path: path, reason: errorText()) }
    }

    private static func errorText() -> String { String(cString: strerror(errno)) }
}
