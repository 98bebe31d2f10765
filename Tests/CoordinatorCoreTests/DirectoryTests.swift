import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

@Suite struct DirectoryTests {
    @Test func teamsAndQueues() {
        var cluster = TestCluster.founded()
        let before = cluster.state.directoryVersion
        cluster.must(
            .putTeam(Team(id: TeamID("kundtjänst"), title: "Kundtjänst")),
            .putQueue(
                WorkQueue(
                    id: QueueID("faktura"),
                    team: TeamID("kundtjänst"),
                    recipients: ["Faktura@Example.com", "+46 8-123 45 67", "widget:shop"],
                    requiredSkills: ["sv", "billing", "sv"],
                    commentPends: true
                )
            )
        )
        let state = cluster.state
        #expect(state.directoryVersion == before + 2)
        #expect(
            state.queue(QueueID("faktura"))?.recipients == [
                "mailto:faktura@example.com", "tel:+4681234567", "widget:shop",
            ]
        )
        #expect(state.queue(QueueID("faktura"))?.requiredSkills == ["billing", "sv"])
        func route(_ recipients: [String], _ channel: Channel) -> String? {
            state.queueFacts(forRecipients: recipients, channel: channel)?.id.rawValue
        }
        #expect(route(["x@y.z", "FAKTURA@example.COM"], .email) == "faktura")
        #expect(route(["+46 (8) 1234567"], .call) == "faktura")
        #expect(route(["shop"], .chat) == "faktura")
        #expect(route(["widget:shop"], .chat) == "faktura")
        #expect(route(["mailto:faktura@example.com"], .api) == "faktura")
        #expect(route(["shop"], .email) == "default")
        #expect(route([], .call) == "default")
        #expect(
            state.queueFacts(forRecipients: ["shop"], channel: .chat)?.team.rawValue == "kundtjänst"
        )
    }

    /// What each command carries is in one order on every node, and follows each change.
    @Test func queuesWhereACommentPendsAreKeptSorted() {
        var cluster = TestCluster.founded()
        cluster.must(.putTeam(Team(id: TeamID("a"))))
        func put(_ id: String, _ pends: Bool) {
            let queue = WorkQueue(id: QueueID(id), team: TeamID("a"), commentPends: pends)
            cluster.must(.putQueue(queue))
        }
        var kept: [String] { cluster.state.queuesWhereCommentPends.map(\.rawValue) }
        for id in ["m", "ö", "b", "z"] { put(id, true) }
        put("k", false)
        #expect(kept == ["b", "m", "z", "ö"])
        put("m", false)
        put("k", true)
        put("z", true)
        #expect(kept == ["b", "k", "z", "ö"])
        cluster.must(.removeQueue(QueueID("b")))
        #expect(kept == ["k", "z", "ö"])
    }

    @Test func removalsWaitForWhatRefersToThem() {
        var cluster = TestCluster.founded()
        cluster.must(
            .putTeam(Team(id: TeamID("a"))),
            .putTeam(Team(id: TeamID("b"))),
            .putQueue(WorkQueue(id: QueueID("q"), team: TeamID("a"))),
            .putPrincipal(.agent("anna", teams: ["b"])),
            .putPrincipal(
                DirectoryEntry(id: PrincipalID("bot"), role: .aiAgent, queues: [QueueID("q")])
            )
        )
        let refusals: [(SystemCommand, SystemRefusal)] = [
            (.removeTeam(TeamID("a")), .inUse(field: "team.id", id: "a", by: "queue q")),
            (.removeTeam(TeamID("b")), .inUse(field: "team.id", id: "b", by: "principal anna")),
            (.removeTeam(TeamID("c")), .notFound(field: "team.id", id: "c")),
            (.removeQueue(QueueID("q")), .inUse(field: "queue.id", id: "q", by: "principal bot")),
            (.removeQueue(QueueID("x")), .notFound(field: "queue.id", id: "x")),
            (
                .removeQueue(QueueID("default")),
                .inUse(field: "queue.id", id: "default", by: "setting default-queue")
            ),
        ]
        for (command, refusal) in refusals { #expect(cluster.apply(command).refusal == refusal) }
        cluster.must(
            .removePrincipal(PrincipalID("bot")),
            .removePrincipal(PrincipalID("anna")),
            .removeQueue(QueueID("q")),
            .removeTeam(TeamID("a")),
            .removeTeam(TeamID("b"))
        )
        #expect(cluster.state.teams.map(\.id.rawValue) == ["default"])
    }

    static let badEntries: [(SystemRefusal, @Sendable (inout DirectoryEntry) -> Void)] = [
        (.invalid(field: "principal.name", reason: "is empty"), { $0.id = PrincipalID("") }),
        (
            .invalid(field: "principal.name", reason: "must not begin with mailto:"),
            { $0.id = PrincipalID("mailto:a@b") }
        ),
        (
            .tooLong(field: "principal.name", limit: 320),
            { $0.id = PrincipalID(String(repeating: "a", count: 321)) }
        ),
        (
            .tooLong(field: "principal.title", limit: 256),
            { $0.title = String(repeating: "a", count: 257) }
        ),
        (
            .invalid(field: "principal.title", reason: "has a control character"),
            { $0.title = "a\nb" }
        ),
        (
            .invalid(field: "principal.role", reason: "is the coordinator's own"),
            { $0.role = .system }
        ),
        (
            .invalid(field: "principal.teams", reason: "does not go with the role aiAgent"),
            { $0.role = .aiAgent }
        ),
        (
            .invalid(field: "principal.queues", reason: "does not go with the role agent"),
            { $0.queues = [QueueID("default")] }
        ),
        (
            .invalid(field: "principal.contacts", reason: "does not go with the role agent"),
            { $0.contacts = ["a@b"] }
        ),
        (
            .invalid(field: "principal.skills", reason: "does not go with the role reviewer"),
            {
                $0.role = .reviewer
                $0.skills = ["sv"]
            }
        ),
        (
            .invalid(field: "principal.case_maximum", reason: "does not go with the role reviewer"),
            { $0.role = .reviewer }
        ),
        (
            .invalid(field: "principal.case_maximum", reason: "takes 0 to 1000"),
            { $0.caseMaximum = 1_001 }
        ),
        (.notFound(field: "principal.teams", id: "x"), { $0.teams = [TeamID("x")] }),
        (
            .tooMany(field: "principal.teams", limit: 64),
            { $0.teams = [TeamID](repeating: TeamID("default"), count: 65) }
        ),
        (
            .tooMany(field: "principal.skills", limit: 32),
            { $0.skills = (0...32).map { "s\($0)" } }
        ),
        (
            .invalid(
                field: "principal.skills",
                reason: "takes letters, digits and ASCII signs without spaces or combining marks"
            ),
            { $0.skills = ["two words"] }
        ),
    ]

    @Test(arguments: badEntries.indices)
    func badEntriesNameTheField(position: Int) {
        let (expected, spoil) = Self.badEntries[position]
        var entry = DirectoryEntry.agent("anna")
        spoil(&entry)
        var cluster = TestCluster.founded()
        let before = cluster.state.directoryVersion
        #expect(cluster.apply(.putPrincipal(entry)).refusal == expected)
        #expect(cluster.state.directoryVersion == before)
    }

    @Test func badQueuesNameTheField() {
        var cluster = TestCluster.founded()
        let team = TeamID("default")
        cluster.must(.putQueue(WorkQueue(id: QueueID("q"), team: team, recipients: ["a@b"])))
        let cases: [(WorkQueue, SystemRefusal)] = [
            (
                WorkQueue(id: QueueID("r"), team: TeamID("x")),
                .notFound(field: "queue.team", id: "x")
            ),
            (
                WorkQueue(id: QueueID("r"), team: team, recipients: ["A@B"]),
                .exists(field: "queue.recipients", id: "q")
            ),
            (
                WorkQueue(id: QueueID("r"), team: team, recipients: ["nonsense"]),
                .invalid(
                    field: "queue.recipients",
                    reason: "takes mail addresses, numbers as +4681234567, and widget:name"
                )
            ),
            (
                WorkQueue(
                    id: QueueID("r"),
                    team: team,
                    recipients: (0...64).map { "a\($0)@b" }
                ),
                .tooMany(field: "queue.recipients", limit: 64)
            ),
            (
                WorkQueue(id: QueueID(""), team: team),
                .invalid(field: "queue.id", reason: "is empty")
            ),
        ]
        for (queue, refusal) in cases {
            #expect(cluster.apply(.putQueue(queue)).refusal == refusal)
        }
        // A queue may change, and give up, its own recipients.
        cluster.must(
            .putQueue(WorkQueue(id: QueueID("q"), team: team, recipients: ["c@d", "a@b"])),
            .putQueue(WorkQueue(id: QueueID("q"), team: team)),
            .putQueue(WorkQueue(id: QueueID("r"), team: team, recipients: ["a@b"]))
        )
    }

    @Test func requestersBindByVerifiedContacts() {
        var cluster = TestCluster.founded()
        cluster.must(
            .putPrincipal(.requester("kund-1", contacts: ["Kund@Example.com", "+46701234567"]))
        )
        let state = cluster.state
        #expect(state.requester(forAddress: "kund@EXAMPLE.com")?.rawValue == "kund-1")
        #expect(state.requester(forPhone: "+46 70 123 45 67")?.rawValue == "kund-1")
        #expect(state.requester(forAddress: "A@b.c")?.rawValue == "mailto:a@b.c")
        #expect(state.requester(forPhone: "+1 202 555 0100")?.rawValue == "tel:+12025550100")
        #expect(state.requester(forVisitor: "v 1")?.rawValue == "visitor:v%201")
        #expect(state.requester(forAddress: "no address") == nil)
        #expect(state.requester(forPhone: "0701234567") == nil)
        let taken = cluster.apply(
            .putPrincipal(.requester("kund-2", contacts: ["kund@example.com"]))
        )
        #expect(taken.refusal == .exists(field: "principal.contacts", id: "kund-1"))
        cluster.must(
            .putPrincipal(.requester("kund-1", contacts: ["+46701234567"])),
            .putPrincipal(.requester("kund-2", contacts: ["kund@example.com"]))
        )
        #expect(cluster.state.requester(forAddress: "kund@example.com")?.rawValue == "kund-2")
        cluster.must(.removePrincipal(PrincipalID("kund-2")))
        let loose = cluster.state.requester(forAddress: "kund@example.com")
        #expect(loose?.rawValue == "mailto:kund@example.com")
    }

    @Test func theLastAdminStays() {
        var cluster = TestCluster.founded()
        let root = TestCluster.admin
        #expect(cluster.apply(.removePrincipal(root)).refusal == .lastAdmin)
        let demoted = DirectoryEntry(id: root, role: .supervisor)
        #expect(cluster.apply(.putPrincipal(demoted)).refusal == .lastAdmin)
        cluster.must(
            .putPrincipal(DirectoryEntry(id: PrincipalID("root2"), role: .admin)),
            .putPrincipal(demoted)
        )
        #expect(cluster.apply(.removePrincipal(PrincipalID("root2"))).refusal == .lastAdmin)
    }

    @Test func puttingTheSameAgainChangesNothing() {
        var cluster = TestCluster.founded()
        cluster.must(.putPrincipal(.agent("anna")))
        let version = cluster.state.directoryVersion
        cluster.must(
            .putPrincipal(.agent("anna", teams: ["default", "default"])),
            .putTeam(Team(id: TeamID("default"))),
            .putQueue(WorkQueue(id: QueueID("default"), team: TeamID("default")))
        )
        #expect(cluster.state.directoryVersion == version)
    }

    @Test func presence() {
        var cluster = TestCluster.founded()
        let anna = PrincipalID("anna")
        cluster.must(
            .putPrincipal(.agent("anna")),
            .putPrincipal(.agent("bo")),
            .putPrincipal(DirectoryEntry(id: PrincipalID("eva"), role: .supervisor))
        )
        #expect(cluster.state.agentFacts(anna)?.isAvailable == false)
        #expect(cluster.apply(.setPresence(anna, .available), by: anna).refusal == nil)
        #expect(cluster.state.agentFacts(anna)?.isAvailable == true)
        let bo = cluster.apply(.setPresence(anna, .away), by: PrincipalID("bo")).refusal
        #expect(bo == .forbidden(role: .agent))
        let eva = cluster.apply(.setPresence(anna, .away), by: PrincipalID("eva")).refusal
        #expect(eva == nil)
        #expect(cluster.state.presence(of: anna) == .away)
        let nobody = cluster.apply(.setPresence(TestCluster.admin, .away)).refusal
        #expect(nobody == .notFound(field: "presence.principal", id: "root"))
        cluster.must(.removePrincipal(anna))
        #expect(cluster.state.presences.isEmpty)
        #expect(cluster.state.agentFacts(anna) == nil)
    }

    @Test func rightsAreCheckedWhenApplied() {
        var cluster = TestCluster.founded()
        let anna = PrincipalID("anna")
        cluster.must(.putPrincipal(.agent("anna")))
        let team = SystemCommand.putTeam(Team(id: TeamID("x")))
        #expect(cluster.apply(team, by: anna).refusal == .forbidden(role: .agent))
        #expect(cluster.apply(team, by: TestCluster.admin).refusal == nil)
        let ghost = cluster.apply(team, by: PrincipalID("ghost")).refusal
        #expect(ghost == .notFound(field: "principal", id: "ghost"))
        let internalOnly = cluster.apply(.beginEpoch(cluster.epoch), by: TestCluster.admin).refusal
        #expect(internalOnly == .forbidden(role: .admin))
    }
}

@Suite struct OwnerNoticeTests {
    private let anna = PrincipalID("anna")

    @Test func everyShardHearsOfWhoLeftAndOfWhoReturned() throws {
        var cluster = TestCluster.founded(shards: 3)
        cluster.must(.putPrincipal(.agent("anna")))
        #expect(cluster.state.notices.isEmpty)
        cluster.must(.removePrincipal(anna))
        let gone = try #require(cluster.state.pendingNotices.first)
        #expect(gone.kind == .gone && gone.principal == anna)
        for shard in 0..<UInt16(3) {
            #expect(cluster.state.pendingNotices.count == 1)
            cluster.must(done(gone, shard, cluster), done(gone, shard, cluster))
        }
        #expect(cluster.state.pendingNotices.isEmpty)
        #expect(cluster.state.notices.count == 1)
        #expect(try cluster.reloaded() == cluster.state)

        cluster.must(.putPrincipal(.agent("anna")))
        let back = try #require(cluster.state.pendingNotices.first)
        #expect(back.kind == .back && back.generation > gone.generation)
        cluster.must(done(gone, 0, cluster))  // Late, of the notice before: passed over.
        #expect(cluster.state.pendingNotices == [back])
        for shard in 0..<UInt16(3) { cluster.must(done(back, shard, cluster)) }
        #expect(cluster.state.notices.isEmpty)
    }

    @Test func aRoleThatOwnsNothingIsALeaving() {
        var cluster = TestCluster.founded()
        cluster.must(.putPrincipal(.agent("anna")), .setPresence(anna, .available))
        cluster.must(.putPrincipal(DirectoryEntry(id: anna, role: .reviewer)))
        #expect(cluster.state.pendingNotices.map(\.kind) == [.gone])
        #expect(cluster.state.presence(of: anna) == .offline)
        cluster.must(.putPrincipal(DirectoryEntry(id: anna, role: .supervisor)))
        #expect(cluster.state.pendingNotices.map(\.kind) == [.back])
        cluster.must(.removePrincipal(anna))
        #expect(cluster.state.pendingNotices.map(\.kind) == [.gone])
    }

    @Test func whoNeverOwnedLeavesQuietly() {
        var cluster = TestCluster.founded()
        cluster.must(
            .putPrincipal(.requester("r", contacts: ["a@b"])),
            .removePrincipal(PrincipalID("r"))
        )
        #expect(cluster.state.notices.isEmpty)
        let unknown = cluster.apply(.removePrincipal(PrincipalID("r"))).refusal
        #expect(unknown == .notFound(field: "principal.name", id: "r"))
    }

    private func done(
        _ notice: OwnerNotice,
        _ shard: UInt16,
        _ cluster: TestCluster
    )
        -> SystemCommand
    {
        .noticeShardDone(
            principal: notice.principal,
            generation: notice.generation,
            shard: ShardID(shard),
            epoch: cluster.epoch
        )
    }
}
