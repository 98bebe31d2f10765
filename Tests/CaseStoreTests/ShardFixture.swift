import CaseModel
import ClusterPrimitives
import Foundation
import Testing

@testable import CaseStore

/// A directory of its own, removed at the end of the test.
final class TemporaryDirectory {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("case-store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        // A leftover in the temporary directory harms nobody.
        _ = try? FileManager.default.removeItem(atPath: path)
    }

    func location(_ name: String = "shard") -> StoreLocation {
        StoreLocation(directory: path, name: name)
    }
}

/// Who acts in these tests.
enum People {
    static let team = TeamID("support")
    static let otherTeam = TeamID("sales")
    static let queue = QueueFacts(id: QueueID("mail"), team: team)
    static let otherQueue = QueueFacts(id: QueueID("orders"), team: otherTeam)
    static let anna = Actor(id: PrincipalID("anna"), role: .agent, teams: [team])
    static let bo = Actor(id: PrincipalID("bo"), role: .agent, teams: [team])
    static let sven = Actor(id: PrincipalID("sven"), role: .agent, teams: [otherTeam])
    static let boss = Actor(id: PrincipalID("boss"), role: .supervisor, teams: [team])
    static let quality = Actor(id: PrincipalID("quality"), role: .reviewer, teams: [team])
    static let robot = Actor(
        id: PrincipalID("robot"),
        role: .aiAgent,
        teams: [team],
        queues: [queue.id]
    )
    static let kim = Actor(id: PrincipalID("mailto:kim@example.org"), role: .requester)
    static let lee = Actor(id: PrincipalID("mailto:lee@example.org"), role: .requester)
    static let mail = Actor(id: PrincipalID("channel:mail"), role: .intake)
    static let system = Actor(id: PrincipalID("system"), role: .system)

    static func facts(_ actor: Actor) -> AgentFacts {
        AgentFacts(id: actor.id, role: actor.role, teams: actor.teams)
    }
}

/// 2026-03-01T12:00:00Z, where the tests' clock begins.
let noon = Timestamp(millisecondsSince1970: 1_772_366_400_000)
let shardUnderTest = ShardID(7)
let firstEpoch = Epoch(incarnation: 1, term: Term(3))

/// A log in the making: gives commands their index, time and key.
struct LogMaker {
    private(set) var entries: [CommittedEntry] = []
    var now = noon
    var term = Term(1)
    private var keyCount = 0

    /// Encodes a command as the next entry.
    mutating func add(_ command: ShardCommand) {
        let stamped = StampedShardCommand(at: now, command: command)
        add(payload: stamped.encodedBytes)
    }

    mutating func add(payload: [UInt8], configuration: [UInt8]? = nil) {
        let index = LogIndex(UInt64(entries.count) + 1)
        entries.append(
            CommittedEntry(
                index: index,
                term: term,
                payload: payload,
                configuration: configuration
            )
        )
    }

    /// A case command under a new key, or the given one.
    mutating func add(_ command: CaseCommand, key: String? = nil, hash: String? = nil) {
        keyCount += 1
        add(.onCase(command, scope(command, key: key ?? "key-\(keyCount)", hash: hash)))
    }

    func scope(_ command: CaseCommand, key: String, hash: String? = nil) -> IdempotencyScope {
        let content = hash.map { Array($0.utf8) } ?? command.encodedBytes
        return IdempotencyScope(
            principal: command.actor.id,
            method: "/casecluster.v1.Cases/\(command.action.name)",
            key: key,
            requestHash: SHA256Digest(hashing: content)
        )
    }
}

/// A store with a log of its own, one entry a batch.
final class ShardFixture {
    let directory: TemporaryDirectory
    let location: StoreLocation
    let retention: Retention
    var store: ShardStore
    var log = LogMaker()

    init(retention: Retention = Retention(), pagesMax: Int? = nil) throws {
        directory = try TemporaryDirectory()
        location = directory.location()
        self.retention = retention
        var configuration = StoreConfiguration()
        configuration.pagesMax = pagesMax
        store = try ShardStore(
            at: location,
            shard: shardUnderTest,
            configuration: configuration,
            retention: retention
        )
    }

    func reopen() throws {
        try store.close()
        store = try ShardStore(
            at: location,
            shard: shardUnderTest,
            configuration: StoreConfiguration(),
            retention: retention
        )
    }

    /// Applies what the log holds and the store has not.
    @discardableResult
    func applyPending() throws -> [AppliedResult] {
        let pending = log.entries.filter { $0.index > store.appliedIndex }
        return try store.apply(pending)
    }

    /// Applies one shard command and returns its answer.
    @discardableResult
    func apply(_ command: ShardCommand) throws -> ShardResult {
        log.add(command)
        return try answer(of: applyPending())
    }

    /// Applies one command on a case and returns its answer.
    @discardableResult
    func act(
        _ actor: Actor,
        _ action: CaseAction,
        on id: CaseID? = nil,
        key: String? = nil,
        version: UInt64? = nil
    ) throws -> ShardResult {
        log.add(command(actor, action, on: id, version: version), key: key)
        return try answer(of: applyPending())
    }

    /// Applies a command that must be accepted.
    @discardableResult
    func succeed(
        _ actor: Actor,
        _ action: CaseAction,
        on id: CaseID? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> CaseReceipt {
        let result = try act(actor, action, on: id)
        guard case .accepted(let receipt) = result else {
            Issue.record("\(action.name): \(result)", sourceLocation: sourceLocation)
            throw FixtureError.refused
        }
        return receipt
    }

    func record(_ id: CaseID) throws -> CaseRecord {
        let record = try store.read { reader throws(StoreError) in try reader.record(id) }
        return try #require(record)
    }

    private func answer(of results: [AppliedResult]) throws -> ShardResult {
        guard case .answered(let result, _) = results.last?.outcome else {
            throw FixtureError.noAnswer
        }
        return result
    }
}

enum FixtureError: Error {
    case refused
    case noAnswer
}

/// A salt that differs with the content and not with the run.
func command(
    _ actor: Actor,
    _ action: CaseAction,
    on id: CaseID? = nil,
    version: UInt64? = nil
) -> CaseCommand {
    CaseCommand(
        actor: actor,
        target: id,
        action: action,
        expectedVersion: version,
        salt: Array(SHA256Digest(hashing: Array("\(action.name)".utf8)).bytes.prefix(16))
    )
}

func newCase(
    _ title: String = "No light",
    by requester: Actor = People.kim,
    text: String = "The lamp is dark.",
    queue: QueueFacts = People.queue,
    priority: Priority = .normal,
    tags: [String] = [],
    raw: [UInt8] = [],
    asOwner: Bool = false
) -> CaseAction {
    let interaction = raw.isEmpty ? nil : Interaction(channel: .email, externalKey: "m1", raw: raw)
    return .create(
        NewCase(
            title: title,
            requester: Requester(principal: requester.id, name: "Kim"),
            channel: .email,
            firstMessage: CaseMessage(text: text, interaction: interaction),
            queue: queue,
            priority: priority,
            tags: tags,
            asOwner: asOwner
        )
    )
}
