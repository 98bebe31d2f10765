import CaseModel
import ClusterPrimitives

@testable import CaseStore

/// A log that a seed determines, with what a naive shard answers to each entry.
struct RandomLog {
    private(set) var maker = LogMaker()
    private(set) var naive: NaiveShard
    private(set) var answers: [ShardResult?] = []
    private var random: SeededGenerator
    private var sent: [ShardCommand] = []

    var entries: [CommittedEntry] { maker.entries }

    init(seed: UInt64, count: Int, retention: Retention = Retention()) {
        random = SeededGenerator(seed: seed)
        naive = NaiveShard(shard: shardUnderTest, retention: retention)
        for _ in 0..<count { addOne() }
    }

    private mutating func addOne() {
        advanceClock()
        guard !chance(of: 3) else {
            maker.add(payload: [])
            answers.append(nil)
            return
        }
        let command = draw()
        sent.append(command)
        maker.add(command)
        let index = UInt64(maker.entries.count)
        answers.append(naive.apply(command, at: maker.now, index: index))
    }

    /// Mostly by seconds; sometimes back, by days, or not at all.
    private mutating func advanceClock() {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<40: break
        case 40..<43: maker.now = maker.now + .seconds(-30)
        case 43..<95: maker.now = maker.now + .seconds(Int64.random(in: 0...600, using: &random))
        default: maker.now = maker.now + .seconds(Int64.random(in: 0...100_000, using: &random))
        }
        if chance(of: 1) { maker.term = maker.term.next }
    }

    private mutating func chance(of percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }

    private mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &random)]
    }

    private mutating func draw() -> ShardCommand {
        if chance(of: 6), !sent.isEmpty { return pick(sent) }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<14: return onCase(drawCreation())
        case 14..<20: return drawClaim()
        case 20..<34: return drawCoordination()
        default: return onCase(drawAction())
        }
    }

    private mutating func onCase(_ command: CaseCommand) -> ShardCommand {
        // Some keys meet again with other content.
        let key = "k\(Int.random(in: 0..<5_000, using: &random))"
        return .onCase(command, maker.scope(command, key: key))
    }

    private mutating func drawCreation() -> CaseCommand {
        let number = Int.random(in: 0..<1_000, using: &random)
        let requester = pick([People.kim, People.lee])
        let text = String(repeating: "word \(number) ", count: pick([1, 5, 900]))
        let raw: [UInt8] = chance(of: 30) ? Array("raw \(number)".utf8) : []
        let byStaff = chance(of: 20)
        let actor = byStaff ? People.anna : pick([requester, People.mail])
        return command(
            actor,
            newCase(
                "Case \(number)",
                by: requester,
                text: text,
                queue: pick([People.queue, People.queue, People.otherQueue]),
                priority: pick(Priority.allCases),
                tags: chance(of: 20) ? ["vip"] : [],
                raw: raw,
                asOwner: byStaff
            )
        )
    }

    private mutating func drawAction() -> CaseCommand {
        let action = drawCaseAction()
        guard !naive.cases.isEmpty else { return command(People.kim, newCase()) }
        let record = pick(naive.cases)
        var actor = pick([
            People.anna, People.bo, People.boss, People.robot, People.sven, People.mail,
        ])
        switch action {
        case .acceptSolution, .rejectSolution, .submitSurvey:
            actor = Actor(id: record.requester.principal, role: .requester)
        default:
            if let owner = record.owner, chance(of: 60) {
                actor = [People.anna, People.bo, People.boss].first { $0.id == owner } ?? actor
            } else if chance(of: 20) {
                actor = Actor(id: record.requester.principal, role: .requester)
            }
        }
        let version: UInt64? = chance(of: 10) ? record.version &- (chance(of: 50) ? 1 : 0) : nil
        return command(actor, action, on: record.id, version: version)
    }

    private mutating func drawCaseAction() -> CaseAction {
        let number = Int.random(in: 0..<100, using: &random)
        let until = naive.now + .seconds(Int64.random(in: 1...90_000, using: &random))
        let agent = People.facts(pick([People.anna, People.bo]))
        let raw: [UInt8] = chance(of: 20) ? Array("raw \(number)".utf8) : []
        let mail = Interaction(channel: .email, externalKey: "m\(number)", raw: raw)
        return pick([
            .comment(CaseMessage(text: "comment \(number)")),
            .comment(CaseMessage(text: "mail \(number)", interaction: mail)),
            .note("note \(number)"), .assignToMe, .assignToMe, .accept, .decline(reason: "no"),
            .assign(agent), .reassign(agent, reason: "r"), .park(reason: "p", until: until),
            .park(reason: "p", until: nil), .resume, .requestInfo(question: "q \(number)"),
            .waitForExternal(party: "depot", reason: "part"),
            .proposeSolution(note: "n \(number)", message: "m \(number)"),
            .proposeSolution(note: "n", message: "m"), .acceptSolution,
            .rejectSolution(reason: "no"), .reopen(reason: "r"), .close(notes: "done"),
            .close(notes: "done"), .delete(reason: "spam"), .addTag("vip"), .removeTag("vip"),
            .update(FieldUpdate(title: "title \(number)", priority: .urgent)),
            .escalate(reason: "e", target: .supervisor, summary: "s"),
            .transferToQueue(People.otherQueue, reason: "t"),
            .submitSurvey(Survey(rating: 4, text: "fine")), .automaticReply(CaseMessage(text: "a")),
            .attachInteraction(mail, text: "a"),
        ])
    }

    private mutating func drawClaim() -> ShardCommand {
        let key = "<\(Int.random(in: 0..<40, using: &random))@example.org>"
        guard chance(of: 50), let record = naive.cases.last else {
            let hash = SHA256Digest(hashing: [UInt8.random(in: 0..<2, using: &random)])
            return .claim(key: key, channel: People.mail.id, contentHash: hash)
        }
        return .recordClaim(key: key, channel: People.mail.id, caseID: record.id)
    }

    private mutating func drawCoordination() -> ShardCommand {
        let term = max(1, naive.epoch.term.rawValue + UInt64(chance(of: 10) ? 1 : 0))
        let epoch = Epoch(incarnation: 1, term: Term(chance(of: 10) ? term - 1 : term))
        let limit = UInt32.random(in: 1...6, using: &random)
        let principal = pick([People.anna.id, People.bo.id])
        let boundary = naive.boundary
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4:
            let shift = Int64.random(in: -100_000...10, using: &random)
            return .sweep(epoch: epoch, asOf: naive.now + .seconds(shift), limit: limit)
        case 4..<6:
            let night = naive.night + UInt64.random(in: 0...1, using: &random)
            let instant = naive.now + .seconds(Int64.random(in: -60...60, using: &random))
            return .beginNight(epoch: epoch, night: max(1, night), boundary: instant)
        case 6..<9:
            let night = chance(of: 80) ? naive.night : naive.night + 1
            return .archivePage(epoch: epoch, night: night, boundary: boundary, limit: limit)
        default:
            return chance(of: 40)
                ? .ownerGone(epoch: epoch, principal: principal, limit: limit)
                : .ownerBack(epoch: epoch, principal: principal)
        }
    }
}
