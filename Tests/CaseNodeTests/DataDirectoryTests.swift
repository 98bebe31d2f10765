import ClusterPrimitives
import Foundation
import Testing

@testable import CaseNode

/// A directory that is removed with its value.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/casenode-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            Issue.record("\(path) stays behind: \(error)")
        }
    }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
    }
}

@Suite struct DataDirectoryTests {
    private let temporary: TemporaryDirectory

    init() throws { temporary = try TemporaryDirectory() }

    private func open(
        _ path: String? = nil,
        node: UInt64 = 1
    ) throws(DataDirectoryError) -> DataDirectory {
        try DataDirectory(
            path: path ?? temporary.path,
            newNodeID: NodeID(node),
            newClusterID: Array(repeating: 7, count: 16)
        )
    }

    @Test func aFirstStartGivesAnIdentityThatStays() throws {
        let path = temporary.path + "/deep/data"
        var directory: DataDirectory? = try open(path, node: 5)
        #expect(directory?.isNew == true)
        directory = nil
        let again = try open(path, node: 6)
        #expect(!again.isNew && again.nodeID == NodeID(5))
        #expect(again.clusterID == Array(repeating: 7, count: 16))
    }

    @Test func aDirectoryOfSomethingElseIsLeftAlone() throws {
        try temporary.write("mine", to: "thesis.tex")
        #expect(throws: DataDirectoryError.foreign(path: temporary.path)) { _ = try open() }
        let names = try FileManager.default.contentsOfDirectory(atPath: temporary.path)
        #expect(names == ["thesis.tex"])
    }

    @Test func whatAnInterruptedFirstStartLeftIsTakenOver() throws {
        try temporary.write("casecluster data dir", to: "identity.new")
        try temporary.write("", to: "lock")
        let directory = try open()
        #expect(directory.isNew)
    }

    @Test func oneProcessAtATime() throws {
        let first = try open()
        #expect(throws: DataDirectoryError.inUse(path: temporary.path)) { _ = try open() }
        withExtendedLifetime(first) {}
    }

    @Test(arguments: [
        ("casecluster data directory\nformat 2\nnode 1\ncluster 07\n", "newer"),
        ("casecluster data directory\nformat 1\nnode 0\ncluster 07\n", "damaged"),
        ("casecluster data directory\nnode 1\n", "damaged"),
        ("casecluster data directory\nformat 1 2\n", "damaged"),
        ("a diary\n", "foreign"),
        ("", "foreign"),
    ])
    func anIdentityThatCantBeReadSaysWhy(text: String, expected: String) throws {
        try temporary.write(text, to: "identity")
        let error = #expect(throws: DataDirectoryError.self) { _ = try open() }
        let found =
            switch error {
            case .newer: "newer"
            case .damaged: "damaged"
            case .foreign: "foreign"
            default: "other"
            }
        #expect(found == expected)
        #expect(error?.description.contains(temporary.path) == true)
        let kept = try String(contentsOfFile: temporary.path + "/identity", encoding: .utf8)
        #expect(kept == text, "the file is left as it was")
    }

    @Test func aFileIsThereWholeOrNotAtAll() throws {
        let path = temporary.path + "/token"
        try DataDirectory.writeDurably([1, 2, 3], to: path, mode: 0o600)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(FileManager.default.contents(atPath: path) == Data([1, 2, 3]))
        // It can't take the place of a directory: refused, and nothing is left beside it.
        try FileManager.default.createDirectory(
            atPath: temporary.path + "/taken/full",
            withIntermediateDirectories: true
        )
        #expect(throws: DataDirectoryError.self) {
            try DataDirectory.writeDurably([1], to: temporary.path + "/taken", mode: 0o600)
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: temporary.path).sorted()
        #expect(names == ["taken", "token"])
    }

    @Test func anothersDirectoryIsRefused() throws {
        var directory: DataDirectory? = try open(node: 2)
        directory = nil
        _ = directory
        let (path, cluster) = (temporary.path, [UInt8](repeating: 7, count: 16))
        func claim(_ node: UInt64?, _ cluster: [UInt8]?) throws(DataDirectoryError) {
            _ = try DataDirectory(
                path: path,
                newNodeID: NodeID(9),
                newClusterID: Array(repeating: 9, count: 16),
                expectedNode: node.map { NodeID($0) },
                expectedCluster: cluster
            )
        }
        let mine = DataDirectoryError.otherNode(path: path, found: NodeID(2), expected: NodeID(3))
        #expect(throws: mine) { try claim(3, cluster) }
        #expect(throws: DataDirectoryError.otherCluster(path: path)) {
            try claim(2, Array(repeating: 8, count: 16))
        }
        try claim(2, cluster)
        try claim(nil, nil)
    }
}
