import CaseModel
import ClusterPrimitives

/// Random values of every stored type, from a seed.
struct RandomValues {
    var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
    mutating func flag() -> Bool { random.next() & 1 == 1 }

    /// Small and large, so that each length of a varint comes up.
    mutating func number() -> UInt64 { random.next() >> UInt64(below(64)) }

    mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }

    mutating func maybe<Value>(_ body: (inout Self) -> Value) -> Value? {
        flag() ? body(&self) : nil
    }

    mutating func list<Value>(_ body: (inout Self) -> Value) -> [Value] {
        (0..<below(4)).map { _ in body(&self) }
    }

    mutating func text() -> String {
        let pieces = [
            "", "a", "å", "lamp", "\u{0}", "東京", "e\u{301}", "é", "🙂", " ", "\r\n", "x-y",
        ]
        return (0..<below(5)).map { _ in pick(pieces) }.joined()
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    mutating func digest() -> SHA256Digest { SHA256Digest(hashing: bytes(4)) }
    mutating func time() -> Timestamp { Timestamp(rawValue: Int64(bitPattern: random.next())) }
    mutating func principal() -> PrincipalID { PrincipalID(text()) }
    mutating func queue() -> QueueID { QueueID(text()) }
    mutating func team() -> TeamID { TeamID(text()) }
    mutating func role() -> Role { pick(Role.allCases) }
    mutating func status() -> CaseStatus { pick(CaseStatus.allCases) }
    mutating func action() -> ActionName { pick(ActionName.allCases) }
    mutating func priority() -> Priority { pick(Priority.allCases) }
    mutating func channel() -> Channel { pick(Channel.allCases) }
    mutating func pair() -> NamedValue { NamedValue(text(), text()) }
    mutating func survey() -> Survey { Survey(rating: bytes(1)[0], text: text()) }
    mutating func epoch() -> Epoch { Epoch(incarnation: number(), term: Term(number())) }
    mutating func limit() -> UInt32 { UInt32(truncatingIfNeeded: number()) }

    mutating func caseID() -> CaseID {
        CaseID(
            tick: random.next() >> 24,
            shard: ShardID(UInt16(below(1024))),
            sequence: UInt64(below(1024))
        )
    }

    mutating func link() -> CaseLink { CaseLink(kind: pick(LinkKind.allCases), other: caseID()) }

    mutating func requester() -> Requester {
        Requester(principal: principal(), name: text(), address: text(), phone: text())
    }

    mutating func target() -> EscalationTarget {
        pick([.queue(queue()), .team(team()), .supervisor])
    }

    mutating func escalation() -> Escalation {
        Escalation(by: principal(), reason: text(), target: target())
    }

    mutating func pendingReason() -> PendingReason {
        pick([.requester, .external(party: text(), reason: text())])
    }

    mutating func queueFacts() -> QueueFacts { QueueFacts(id: queue(), team: team()) }

    mutating func agentFacts() -> AgentFacts {
        AgentFacts(id: principal(), role: role(), teams: list { $0.team() }, isAvailable: flag())
    }

    mutating func actor() -> Actor {
        Actor(
            id: principal(),
            role: role(),
            teams: list { $0.team() },
            queues: list { $0.queue() },
            aliases: list { $0.principal() },
            directoryVersion: number(),
            origin: text()
        )
    }

    mutating func attachment() -> Attachment {
        Attachment(fileName: text(), mediaType: text(), byteCount: number(), digest: digest())
    }

    mutating func interaction() -> Interaction {
        let length = below(9)
        return Interaction(
            channel: channel(),
            externalKey: text(),
            sentAt: time(),
            info: list { $0.pair() },
            attachments: list { $0.attachment() },
            raw: bytes(length)
        )
    }

    mutating func message() -> CaseMessage {
        CaseMessage(text: text(), interaction: maybe { $0.interaction() }, from: text())
    }

    mutating func newCase() -> NewCase {
        NewCase(
            title: text(),
            requester: requester(),
            channel: channel(),
            channelInfo: list { $0.pair() },
            firstMessage: message(),
            queue: queueFacts(),
            priority: priority(),
            tags: list { $0.text() },
            fields: list { $0.pair() },
            links: list { $0.link() },
            asOwner: flag()
        )
    }

    mutating func update() -> FieldUpdate {
        FieldUpdate(
            title: maybe { $0.text() },
            requesterName: maybe { $0.text() },
            requesterAddress: maybe { $0.text() },
            requesterPhone: maybe { $0.text() },
            priority: maybe { $0.priority() },
            fields: list { $0.pair() }
        )
    }

    mutating func record() -> CaseRecord {
        var record = CaseRecord(
            id: caseID(),
            requester: requester(),
            queue: queue(),
            team: team(),
            at: time()
        )
        record.version = number()
        record.status = status()
        record.title = text()
        record.channel = channel()
        record.channelInfo = list { $0.pair() }
        record.updatedAt = time()
        record.owner = maybe { $0.principal() }
        record.ownerRole = maybe { $0.role() }
        record.ownershipVersion = number()
        record.priority = priority()
        record.tags = list { $0.text() }
        record.fields = list { $0.pair() }
        record.links = list { $0.link() }
        record.escalation = maybe { $0.escalation() }
        record.assignedFrom = maybe { $0.status() }
        record.declinedBy = maybe { $0.principal() }
        record.queuedAt = time()
        record.parkedReason = maybe { $0.text() }
        record.pendingReason = maybe { $0.pendingReason() }
        record.resolvedAt = maybe { $0.time() }
        record.dueAt = maybe { $0.time() }
        record.closedAt = maybe { $0.time() }
        record.archivedAt = maybe { $0.time() }
        record.reopenCount = limit()
        record.firstResponseAt = maybe { $0.time() }
        record.entryCount = number()
        record.auditHead = digest()
        record.survey = maybe { $0.survey() }
        return record
    }

    mutating func caseAction() -> CaseAction {
        switch action() {
        case .create, .createAsOwner: .create(newCase())
        case .comment: .comment(message())
        case .automaticReply: .automaticReply(message())
        case .note: .note(text())
        case .assign: .assign(agentFacts())
        case .accept: .accept
        case .decline: .decline(reason: text())
        case .assignToMe: .assignToMe
        case .escalate: .escalate(reason: text(), target: target(), summary: text())
        case .escalateByRule: .escalateByRule(rule: text(), target: target())
        case .park: .park(reason: text(), until: maybe { $0.time() })
        case .requestInfo: .requestInfo(question: text())
        case .waitForExternal: .waitForExternal(party: text(), reason: text())
        case .resume: .resume
        case .proposeSolution: .proposeSolution(note: text(), message: text())
        case .acceptSolution: .acceptSolution
        case .rejectSolution: .rejectSolution(reason: text())
        case .reopen: .reopen(reason: text())
        case .close: .close(notes: text())
        case .transferToQueue: .transferToQueue(queueFacts(), reason: text())
        case .transferToAgent: .transferToAgent(agentFacts(), reason: text())
        case .reassign: .reassign(agentFacts(), reason: text())
        case .release: .release(note: text())
        case .delete: .delete(reason: text())
        case .update: .update(update())
        case .addTag: .addTag(text())
        case .removeTag: .removeTag(text())
        case .link: .link(link())
        case .attachInteraction: .attachInteraction(interaction(), text: text())
        case .submitSurvey: .submitSurvey(survey())
        case .closeByTimer: .closeByTimer(asOf: time())
        case .archive: .archive(boundary: time())
        }
    }

    mutating func command() -> CaseCommand {
        CaseCommand(
            actor: actor(),
            target: maybe { $0.caseID() },
            action: caseAction(),
            expectedVersion: maybe { $0.number() },
            salt: bytes(16),
            reopenWindow: TimeSpan(milliseconds: Int64(bitPattern: random.next())),
            queuesWhereCommentPends: list { $0.queue() },
            escalationQueue: maybe { $0.queueFacts() }
        )
    }

    mutating func event() -> CaseEvent {
        switch below(19) {
        case 0: .created(newCase())
        case 1: .statusChanged(from: status(), to: status(), action: action(), reason: text())
        case 2:
            .ownerChanged(
                from: maybe { $0.principal() },
                to: maybe { $0.principal() },
                role: maybe { $0.role() }
            )
        case 3: .queueChanged(from: queue(), to: queueFacts())
        case 4: .commentAdded(message(), byThirdParty: flag())
        case 5: .noteAdded(text: text(), interaction: maybe { $0.interaction() })
        case 6: .escalated(escalation())
        case 7: .parked(reason: text(), until: maybe { $0.time() })
        case 8: .waiting(pendingReason())
        case 9: .assignedFrom(status())
        case 10: .declined(by: principal())
        case 11: .resolved(at: time(), dueAt: time())
        case 12: .reopened
        case 13: .fieldChanged(name: text(), from: text(), to: text())
        case 14: .tagChanged(tag: text(), added: flag())
        case 15: .linked(link())
        case 16: .interactionAttached(interaction(), text: text())
        case 17: .surveySubmitted(survey())
        default: .erased(reason: text())
        }
    }

    mutating func refusal() -> CaseRefusal {
        switch below(17) {
        case 0: .notFound
        case 1: .wrongStatus(action: action(), status: status())
        case 2: .wrongRole(action: action(), role: role())
        case 3: .notOwner(action: action())
        case 4: .notRequester
        case 5: .wrongTeam(team: team())
        case 6: .missing(field: text())
        case 7: .invalid(field: text(), reason: text())
        case 8: .tooLong(field: text(), limit: limit())
        case 9: .staleVersion(current: number())
        case 10: .unsuitableAgent(id: principal(), reason: text())
        case 11: .needsSupervisor
        case 12: .overLimit(agent: principal(), maximum: limit())
        case 13: .notDue(dueAt: time())
        case 14: .alreadyDone(action: action())
        case 15: .keyReused
        default: .staleEpoch
        }
    }

    mutating func shardCommand() -> ShardCommand {
        switch below(8) {
        case 0:
            .onCase(
                command(),
                IdempotencyScope(
                    principal: principal(),
                    method: text(),
                    key: text(),
                    requestHash: digest()
                )
            )
        case 1: .claim(key: text(), channel: principal(), contentHash: digest())
        case 2: .recordClaim(key: text(), channel: principal(), caseID: caseID())
        case 3: .sweep(epoch: epoch(), asOf: time(), limit: limit())
        case 4: .beginNight(epoch: epoch(), night: number(), boundary: time())
        case 5: .archivePage(epoch: epoch(), night: number(), boundary: time(), limit: limit())
        case 6: .ownerGone(epoch: epoch(), principal: principal(), limit: limit())
        default: .ownerBack(epoch: epoch(), principal: principal())
        }
    }

    mutating func stamped() -> StampedShardCommand {
        StampedShardCommand(at: time(), command: shardCommand())
    }

    mutating func shardResult() -> ShardResult {
        switch below(4) {
        case 0:
            .accepted(
                CaseReceipt(
                    id: caseID(),
                    version: number(),
                    status: status(),
                    owner: maybe { $0.principal() },
                    at: time()
                )
            )
        case 1: .refused(refusal())
        case 2: .claimed(caseID: maybe { $0.caseID() })
        default: .swept(count: limit(), more: flag(), nextDueAt: maybe { $0.time() })
        }
    }

    mutating func auditEntry() -> AuditEntry {
        AuditEntry(
            caseID: caseID(),
            version: number(),
            at: time(),
            actor: principal(),
            role: role(),
            origin: text(),
            action: action(),
            from: maybe { $0.status() },
            to: status(),
            contentHash: digest(),
            previous: digest()
        )
    }
}

extension LinkKind {
    static let allCases: [LinkKind] = [.followUpOf, .relatedTo, .followedUpBy]
}
