import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

/// One replica with a store beside it that does what its mutations say.
struct TestCluster {
    var state = SystemState()
    var rows: [SystemRecordKey: [UInt8]] = [:]
    var now = TestCluster.start
    var index = LogIndex.zero
    var term = Term(1)

    static let start = Timestamp(millisecondsSince1970: 1_750_000_000_000)
    static let admin = PrincipalID("root")

    init() {}

    /// A cluster with one node, or more.
    static func founded(shards: UInt32 = 4, nodes: UInt64 = 1) -> TestCluster {
        var cluster = TestCluster()
        let result = cluster.apply(.initialize(founding(shards: shards, nodes: nodes)))
        guard case .accepted = result else {
            Issue.record("founding was refused: \(result)")
            return cluster
        }
        return cluster
    }

    static func founding(shards: UInt32 = 4, nodes: UInt64 = 1) -> ClusterFounding {
        ClusterFounding(
            clusterID: (0..<16).map { UInt8($0) },
            shardCount: shards,
            members: (1...nodes).map { member($0) },
            admin: admin,
            adminToken: NewToken(id: "t-root", secretHash: hash("root"), principal: admin)
        )
    }

    static func member(_ id: UInt64) -> Member {
        Member(id: NodeID(id), peerAddress: "n\(id):7001", clientAddress: "n\(id):7000")
    }

    static func hash(_ secret: String) -> SHA256Digest { SHA256Digest(hashing: Array(secret.utf8)) }

    var epoch: Epoch { Epoch(incarnation: state.cluster?.incarnation ?? 1, term: term) }

    /// Applies at the present time as the log would: encoded and decoded on the way.
    @discardableResult
    mutating func apply(
        _ command: SystemCommand,
        by principal: PrincipalID? = nil,
        scope: IdempotencyScope? = nil
    ) -> SystemResult {
        index = index.next
        let stamped = StampedSystemCommand(at: now, by: principal, scope: scope, command: command)
        let read: StampedSystemCommand
        do {
            read = try StampedSystemCommand(decoding: stamped.encodedBytes)
        } catch {
            Issue.record("\(command) does not decode: \(error)")
            return .refused(.notInitialized)
        }
        #expect(read == stamped)
        let outcome = state.apply(read, index: index, term: term)
        for mutation in outcome.mutations { rows[mutation.key] = mutation.value }
        do {
            #expect(try SystemResult(decoding: outcome.result.encodedBytes) == outcome.result)
        } catch {
            Issue.record("\(outcome.result) does not decode: \(error)")
        }
        return outcome.result
    }

    /// As an admin with a key.
    @discardableResult
    mutating func ask(
        _ command: SystemCommand,
        key: String,
        content: String = ""
    )
        -> SystemResult
    {
        apply(
            command,
            by: Self.admin,
            scope: IdempotencyScope(
                principal: Self.admin,
                method: "/test",
                key: key,
                requestHash: Self.hash(content)
            )
        )
    }

    /// Applies what the test takes for granted.
    mutating func must(_ commands: SystemCommand...) {
        for command in commands {
            let result = apply(command)
            if case .refused(let refusal) = result { Issue.record("\(command): \(refusal)") }
        }
    }

    mutating func advance(_ span: TimeSpan) { now = now + span }

    /// The rows as a store gives them back: in an order that means nothing.
    func reloaded() throws -> SystemState {
        try SystemState(records: rows.map { ($0.key, $0.value) })
    }
}

extension SystemResult {
    var refusal: SystemRefusal? {
        if case .refused(let refusal) = self { return refusal }
        return nil
    }

    var receipt: SystemReceipt? {
        if case .accepted(let receipt) = self { return receipt }
        return nil
    }
}

extension DirectoryEntry {
    static func agent(_ id: String, teams: [String] = ["default"]) -> DirectoryEntry {
        DirectoryEntry(
            id: PrincipalID(id),
            role: .agent,
            teams: teams.map { TeamID($0) },
            caseMaximum: 5
        )
    }

    static func requester(_ id: String, contacts: [String]) -> DirectoryEntry {
        DirectoryEntry(id: PrincipalID(id), role: .requester, contacts: contacts)
    }
}
