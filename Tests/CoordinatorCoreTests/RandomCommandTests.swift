import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

@Suite struct RandomCommandTests {
    static let people = ["anna", "bo", "eva", "root", "kund"]
    static let teams = ["default", "a", "b"]
    static let queues = ["default", "q", "r"]
    static let contacts = ["x@example.com", "+4612345678", "y@example.com"]

    /// Goal: the state accepts, refuses and answers as the rules say, and its rows are all of it.
    /// Method: random commands; a naive directory judges each; a second replica applies the same;
    /// rows are loaded now and then, and the loaded state goes on in place of the first.
    @Test(arguments: UInt64(1)...24)
    func agreesWithANaiveDirectory(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var cluster = TestCluster.founded(shards: 3)
        var twin = TestCluster.founded(shards: 3)
        var naive = NaiveDirectory(shardCount: 3)
        for step in 0..<600 {
            let command = Self.draw(&random, cluster.state)
            let version = cluster.state.directoryVersion
            let before = cluster.state
            let result = cluster.apply(command)
            #expect(twin.apply(command) == result, "SIM_SEED=\(seed) step=\(step)")
            let expected = Self.judge(command, &naive)
            #expect(
                (result.refusal == nil) == expected,
                "SIM_SEED=\(seed) step=\(step) \(command): \(result)"
            )
            if result.refusal != nil {
                #expect(cluster.state == before, "SIM_SEED=\(seed) step=\(step)")
            }
            #expect(cluster.state.directoryVersion >= version, "SIM_SEED=\(seed) step=\(step)")
            check(cluster.state, naive, "SIM_SEED=\(seed) step=\(step)")
            if step % 50 == 49 {
                let loaded = try cluster.reloaded()
                #expect(loaded == cluster.state, "SIM_SEED=\(seed) step=\(step)")
                cluster.state = loaded
                #expect(twin.state == cluster.state && twin.rows == cluster.rows)
            }
        }
    }

    static func draw(_ random: inout SeededGenerator, _ state: SystemState) -> SystemCommand {
        func pick<Value>(_ values: [Value]) -> Value {
            values[Int.random(in: 0..<values.count, using: &random)]
        }
        func some(_ values: [String]) -> [String] {
            values.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
        }
        let person = PrincipalID(pick(people))
        switch Int.random(in: 0..<14, using: &random) {
        case 0, 1, 2:
            let role = pick([Role.agent, .agent, .supervisor, .aiAgent, .admin, .requester])
            return .putPrincipal(
                DirectoryEntry(
                    id: person,
                    role: role,
                    teams: role.hasTeams ? some(teams).map { TeamID($0) } : [],
                    queues: role == .aiAgent ? some(queues).map { QueueID($0) } : [],
                    contacts: role == .requester ? some(contacts) : []
                )
            )
        case 3: return .removePrincipal(person)
        case 4: return .putTeam(Team(id: TeamID(pick(teams))))
        case 5: return .removeTeam(TeamID(pick(teams)))
        case 6, 7:
            return .putQueue(
                WorkQueue(
                    id: QueueID(pick(queues)),
                    team: TeamID(pick(teams)),
                    recipients: some(contacts)
                )
            )
        case 8: return .removeQueue(QueueID(pick(queues)))
        case 9: return .setPresence(person, pick(Presence.allCases))
        case 10:
            let id = "t\(Int.random(in: 0..<8, using: &random))"
            let hash = TestCluster.hash(pick(["1", "2", "3", "4"]))
            return .issueToken(NewToken(id: id, secretHash: hash, principal: person))
        case 11: return .revokeToken("t\(Int.random(in: 0..<8, using: &random))")
        case 12: return .setSettings([NamedValue("default-queue", pick(queues))])
        default:
            let generation = state.notices.first { $0.principal == person }?.generation ?? 0
            return .noticeShardDone(
                principal: person,
                generation: generation,
                shard: ShardID(UInt16.random(in: 0..<3, using: &random)),
                epoch: Epoch(incarnation: 1, term: Term(1))
            )
        }
    }

    static func judge(_ command: SystemCommand, _ naive: inout NaiveDirectory) -> Bool {
        switch command {
        case .putPrincipal(let entry): return naive.put(entry)
        case .removePrincipal(let id): return naive.remove(id.rawValue)
        case .putTeam(let team):
            naive.teams.insert(team.id.rawValue)
            return true
        case .removeTeam(let id): return naive.removeTeam(id.rawValue)
        case .putQueue(let queue): return naive.put(queue)
        case .removeQueue(let id): return naive.removeQueue(id.rawValue)
        case .setPresence(let id, let presence): return naive.set(presence, of: id.rawValue)
        case .issueToken(let token):
            return naive.issue(
                token.id,
                hash: "\(token.secretHash)",
                principal: token.principal.rawValue
            )
        case .revokeToken(let id): return naive.revoke(id)
        case .setSettings(let pairs): return naive.setDefaultQueue(pairs[0].value)
        case .noticeShardDone(let id, _, let shard, _):
            naive.told(id.rawValue, Int(shard.rawValue))
            return true
        default: return false
        }
    }

    private func check(_ state: SystemState, _ naive: NaiveDirectory, _ place: String) {
        #expect(state.teams.map(\.id.rawValue) == naive.teams.sorted(), "\(place)")
        #expect(state.queues.map(\.id.rawValue) == naive.queues.keys.sorted(), "\(place)")
        #expect(state.principals.map(\.id.rawValue) == naive.people.keys.sorted(), "\(place)")
        #expect(state.tokens.map(\.id) == naive.tokens.keys.sorted(), "\(place)")
        #expect(state.notices.map(\.principal.rawValue) == naive.notices.keys.sorted(), "\(place)")
        for notice in state.notices {
            let expected = naive.notices[notice.principal.rawValue]
            #expect((notice.kind == .gone) == expected?.isGone, "\(place)")
            #expect(notice.shardsDone.count == expected?.told.count, "\(place)")
        }
        for contact in Self.contacts {
            let uri = ContactURI.normalized(contact) ?? ""
            let found = state.queueFacts(forRecipients: [contact], channel: .api)?.id.rawValue
            #expect(found == naive.queue(for: uri), "\(place)")
            let requester =
                state.requester(forAddress: contact) ?? state.requester(forPhone: contact)
            #expect(requester?.rawValue == naive.requester(for: uri), "\(place)")
        }
        for secret in ["1", "2", "3", "4"] {
            let hash = TestCluster.hash(secret)
            let actor = state.authenticate(tokenHash: hash, at: state.now)
            #expect(actor?.id.rawValue == naive.who(hash: "\(hash)"), "\(place)")
        }
        for person in Self.people {
            let id = PrincipalID(person)
            #expect(state.presence(of: id) == naive.presence[person] ?? .offline, "\(place)")
            let teams = state.actor(id)?.teams.map(\.rawValue)
            let expected = naive.people[person].map { value in
                value.role == .aiAgent
                    ? Set(value.queues.compactMap { naive.queues[$0]?.team }).sorted()
                    : value.teams.sorted()
            }
            #expect(teams == expected, "\(place)")
        }
    }

    /// Goal: a command sent again under its key, however often and with whatever in between, is
    /// carried out once. Method: every command is sent one to four times; a cluster that gets each
    /// once ends up alike.
    @Test(arguments: UInt64(1)...8)
    func repeatsAreCarriedOutOnce(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var cluster = TestCluster.founded(shards: 3)
        var once = TestCluster.founded(shards: 3)
        var sent: [(key: String, command: SystemCommand, result: SystemResult)] = []
        for step in 0..<300 {
            let command = Self.draw(&random, once.state)
            cluster.index = LogIndex(UInt64(step + 1) * 10)
            once.index = cluster.index
            let key = "k\(step)"
            let result = once.ask(command, key: key, content: key)
            #expect(cluster.ask(command, key: key, content: key) == result)
            sent.append((key, command, result))
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let again = sent[Int.random(in: 0..<sent.count, using: &random)]
                let answer = cluster.ask(again.command, key: again.key, content: again.key)
                #expect(answer == again.result, "SIM_SEED=\(seed) step=\(step)")
            }
            #expect(cluster.state == once.state, "SIM_SEED=\(seed) step=\(step)")
        }
    }

    /// Goal: no command whatever traps or changes anything when it is refused, founded or not.
    /// Method: the commands of the coding tests, in random order, by random principals at random
    /// times.
    @Test(arguments: UInt64(1)...8)
    func anyCommandIsTotal(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var cluster = TestCluster()
        for step in 0..<800 {
            cluster.now =
                TestCluster.start + .seconds(Int64.random(in: -100...100_000, using: &random))
            cluster.term = Term(UInt64.random(in: 1...400, using: &random))
            let command = CodingTests.commands.randomElement(using: &random) ?? .removeMember(.none)
            let by =
                [nil, PrincipalID("root"), PrincipalID("p")].randomElement(using: &random) ?? nil
            let before = cluster.state
            let result = cluster.apply(command, by: by)
            if result.refusal != nil {
                var same = before
                same.meta.now = cluster.state.now
                #expect(cluster.state == same, "SIM_SEED=\(seed) step=\(step)")
            }
            #expect(cluster.state.now >= before.now && cluster.state.epoch >= before.epoch)
        }
        #expect(try cluster.reloaded() == cluster.state, "SIM_SEED=\(seed)")
    }
}
