import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

/// Bytes that come back as they went, and bytes that never were.
@Suite struct CodingTests {
    static let epoch = Epoch(incarnation: 2, term: Term(300))
    static let node = NodeID(7)

    static let commands: [SystemCommand] = [
        .initialize(TestCluster.founding(nodes: 3)),
        .addMember(TestCluster.member(4)),
        .updateMember(TestCluster.member(4)),
        .removeMember(node),
        .placeShards([ShardTarget(shard: ShardID(1023), nodes: [node])], epoch: epoch),
        .reportShard(
            shard: ShardID(3),
            voters: [node, NodeID(8)],
            learners: [NodeID(9)],
            configurationIndex: LogIndex(400)
        ),
        .setSettings([NamedValue("night", "every 5s")]),
        .putTeam(Team(id: TeamID("t"), title: "T")),
        .removeTeam(TeamID("t")),
        .putQueue(
            WorkQueue(
                id: QueueID("q"),
                title: "Q",
                team: TeamID("t"),
                recipients: ["a@b"],
                requiredSkills: ["sv"],
                commentPends: true,
                isAIFirst: true
            )
        ),
        .removeQueue(QueueID("q")),
        .putPrincipal(
            DirectoryEntry(
                id: PrincipalID("p"),
                role: .agent,
                title: "P",
                teams: [TeamID("t")],
                queues: [QueueID("q")],
                contacts: ["a@b"],
                skills: ["sv"],
                caseMaximum: 300
            )
        ),
        .removePrincipal(PrincipalID("p")),
        .setPresence(PrincipalID("p"), .away),
        .issueToken(
            NewToken(
                id: "t",
                secretHash: TestCluster.hash("t"),
                principal: PrincipalID("p"),
                expiresAt: TestCluster.start
            )
        ),
        .revokeToken("t"),
        .beginEpoch(epoch),
        .beginIncarnation(2),
        .planNight(number: 300, boundary: TestCluster.start, epoch: epoch),
        .nightShardDone(number: 300, shard: ShardID(3), epoch: epoch),
        .nightFinished(number: 300, epoch: epoch),
        .noticeShardDone(
            principal: PrincipalID("p"),
            generation: 300,
            shard: ShardID(3),
            epoch: epoch
        ),
        .raiseClusterVersion(2),
        .replaceMember(node, with: TestCluster.member(9)),
    ]

    static let refusals: [SystemRefusal] = [
        .notInitialized, .alreadyInitialized, .forbidden(role: .agent),
        .notFound(field: "f", id: "i"), .exists(field: "f", id: "i"),
        .invalid(field: "f", reason: "r"), .tooLong(field: "f", limit: 300),
        .tooMany(field: "f", limit: 300), .inUse(field: "f", id: "i", by: "b"), .lastAdmin,
        .versionUnknown(to: node, known: 1), .keyReused, .staleEpoch(current: epoch),
        .notDue(boundary: TestCluster.start), .wrongNight(expected: 300),
        .nightRunning(number: 300), .nightIncomplete(shardsMissing: 16),
    ]

    static func stamped(_ command: SystemCommand) -> StampedSystemCommand {
        StampedSystemCommand(
            at: TestCluster.start,
            by: PrincipalID("root"),
            scope: IdempotencyScope(
                principal: PrincipalID("root"),
                method: "/m",
                key: "k",
                requestHash: TestCluster.hash("r")
            ),
            command: command
        )
    }

    @Test(arguments: commands.indices)
    func commandsComeBack(position: Int) throws {
        let command = Self.stamped(Self.commands[position])
        #expect(try StampedSystemCommand(decoding: command.encodedBytes) == command)
        let bare = StampedSystemCommand(at: .zero, command: command.command)
        #expect(try StampedSystemCommand(decoding: bare.encodedBytes) == bare)
    }

    /// Every tag from the first on, without a gap: a case that is forgotten in a list above shows.
    @Test func theListsHoldEveryCase() {
        #expect(Self.commands.map { $0.encodedBytes[0] } == (1...24).map { UInt8($0) })
        #expect(Self.refusals.map { $0.encodedBytes[0] } == (1...17).map { UInt8($0) })
    }

    @Test(arguments: refusals.indices)
    func refusalsComeBackAndSpeak(position: Int) throws {
        let refusal = Self.refusals[position]
        #expect(try SystemRefusal(decoding: refusal.encodedBytes) == refusal)
        #expect(!refusal.description.isEmpty)
    }

    @Test func aNewerFormatStopsTheNode() {
        var bytes = Self.stamped(.raiseClusterVersion(1)).encodedBytes
        bytes[0] = 2
        #expect(throws: DecodingFault.self) { try StampedSystemCommand(decoding: bytes) }
        #expect(throws: DecodingFault.self) { try SystemCommand(decoding: [24]) }
        #expect(throws: DecodingFault.self) { try SystemCommand(decoding: [0]) }
    }

    /// Goal: decoding is total, and what decodes encodes to something that decodes to the same.
    /// Method: cut, flip and splice the bytes of real commands.
    @Test(arguments: UInt64(1)...8)
    func spoiltBytesNeverTrap(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let samples = Self.commands.map { Self.stamped($0).encodedBytes }
        for _ in 0..<2_000 {
            var bytes = samples.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.removeSubrange(place...)
                case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
                }
            }
            do {
                let command = try StampedSystemCommand(decoding: bytes)
                let again = try StampedSystemCommand(decoding: command.encodedBytes)
                #expect(again == command, "SIM_SEED=\(seed)")
            } catch {
                #expect(error.offset <= bytes.count, "SIM_SEED=\(seed)")
            }
        }
    }
}

@Suite struct RecordTests {
    private func rows() -> [(SystemRecordKey, [UInt8])] {
        var cluster = TestCluster.founded()
        cluster.ask(.putPrincipal(.agent("anna")), key: "k")
        return cluster.rows.map { ($0.key, $0.value) }
    }

    @Test func noRowsAreAnUnfoundedCluster() throws {
        #expect(try SystemState(records: []) == SystemState())
    }

    @Test func rowsMustFitTheirKeysAndEachOther() {
        let good = rows()
        #expect(throws: Never.self) { try SystemState(records: good) }
        let twice = good + [good[0]]
        #expect(throws: DecodingFault.self) { try SystemState(records: twice) }
        let shard = RecordKind.shard.rawValue
        let lost = good.filter { $0.0 != SystemRecordKey(kind: shard, key: "2") }
        #expect(throws: DecodingFault.self) { try SystemState(records: lost) }
        for position in good.indices {
            var bad = good
            bad[position].0.key += "x"
            #expect(throws: DecodingFault.self) { try SystemState(records: bad) }
            bad = good
            bad[position].0.kind = 99
            #expect(throws: DecodingFault.self) { try SystemState(records: bad) }
            bad = good
            bad[position].1[0] = 2
            #expect(throws: DecodingFault.self) { try SystemState(records: bad) }
            bad = good
            bad[position].1.append(0)
            #expect(throws: DecodingFault.self) { try SystemState(records: bad) }
        }
    }

    /// Goal: no row, however spoilt, traps.
    @Test(arguments: UInt64(1)...4)
    func spoiltRowsNeverTrap(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let good = rows().sorted { ($0.0.kind, $0.0.key) < ($1.0.kind, $1.0.key) }
        for _ in 0..<500 {
            var bad = good
            let position = Int.random(in: 0..<bad.count, using: &random)
            let place = Int.random(in: 0..<bad[position].1.count, using: &random)
            bad[position].1[place] ^= UInt8.random(in: 1...255, using: &random)
            do {
                _ = try SystemState(records: bad)
            } catch {
                #expect(error.offset >= 0, "SIM_SEED=\(seed)")
            }
        }
    }
}
