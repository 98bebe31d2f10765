import CaseModel
import ClusterPrimitives

@testable import CaseStore

/// A shard as arrays and dictionaries: what the store must answer and hold, without SQL, pages or caches.
/// It shares `CaseMachine` with the store, which has tests of its own.
struct NaiveShard {
    struct Key {
        var scope: IdempotencyScope
        var at: Timestamp
        var isContact: Bool
        var result: ShardResult
    }

    struct KnownClaim {
        var key: String
        var channel: PrincipalID
        var contentHash: SHA256Digest
        var caseID: CaseID?
    }

    let shard: ShardID
    let retention: Retention
    var now = Timestamp.zero
    var lastID: CaseID?
    var epoch = Epoch(incarnation: 0, term: .zero)
    var night: UInt64 = 0
    var boundary = Timestamp.zero
    /// In the order of their ids.
    var cases: [CaseRecord] = []
    var events: [CaseID: [CaseEvent]] = [:]
    var keys: [Key] = []
    var claims: [KnownClaim] = []
    var gone: Set<PrincipalID> = []
    var feed: [FeedItem] = []

    init(shard: ShardID, retention: Retention) {
        self.shard = shard
        self.retention = retention
    }

    mutating func apply(_ command: ShardCommand, at: Timestamp, index: UInt64) -> ShardResult {
        now = max(now, at)
        expire()
        switch command {
        case .onCase(let command, let scope): return once(command, scope)
        case .claim(let key, let channel, let hash): return claim(key, channel, hash)
        case .recordClaim(let key, let channel, let id):
            guard let found = claims.firstIndex(where: { $0.key == key && $0.channel == channel })
            else { return .refused(.notFound) }
            if claims[found].caseID == nil { claims[found].caseID = id }
            return .claimed(caseID: claims[found].caseID)
        case .sweep(let epoch, let asOf, let limit):
            guard admit(epoch) else { return .refused(.staleEpoch) }
            guard asOf <= now else { return .refused(.notDue(dueAt: asOf)) }
            let due = cases.filter { $0.dueAt.map { $0 <= asOf } ?? false }
                .sorted { ($0.dueAt ?? .zero, $0.id) < ($1.dueAt ?? .zero, $1.id) }
            let count = work(due, limit, index) {
                $0.status == .parked ? .resume : .closeByTimer(asOf: asOf)
            }
            let more = cases.contains { $0.dueAt.map { $0 <= asOf } ?? false }
            return swept(count, more)
        case .beginNight(let epoch, let night, let boundary):
            guard admit(epoch) else { return .refused(.staleEpoch) }
            if night > self.night {
                self.night = night
                self.boundary = boundary
                now = max(now, boundary)
            }
            return swept(0, night == self.night && !closedBefore(self.boundary).isEmpty, true)
        case .archivePage(let epoch, let night, let boundary, let limit):
            guard admit(epoch) else { return .refused(.staleEpoch) }
            guard night == self.night, boundary == self.boundary else {
                return night < self.night
                    ? swept(0, false)
                    : .refused(
                        .invalid(field: "night", reason: "it has not begun with this boundary")
                    )
            }
            let count = work(closedBefore(boundary), limit, index) { _ in
                .archive(boundary: boundary)
            }
            return swept(count, !closedBefore(boundary).isEmpty)
        case .ownerGone(let epoch, let principal, let limit):
            guard admit(epoch) else { return .refused(.staleEpoch) }
            gone.insert(principal)
            let count = work(owned(by: principal), limit, index) { _ in
                .release(note: "The owner was removed from the directory.")
            }
            return swept(count, !owned(by: principal).isEmpty)
        case .ownerBack(let epoch, let principal):
            guard admit(epoch) else { return .refused(.staleEpoch) }
            gone.remove(principal)
            return swept(0, false)
        }
    }

    private func closedBefore(_ boundary: Timestamp) -> [CaseRecord] {
        cases.filter { $0.status == .closed && $0.closedAt.map { $0 < boundary } ?? false }
            .sorted { ($0.closedAt ?? .zero, $0.id) < ($1.closedAt ?? .zero, $1.id) }
    }

    private func owned(by principal: PrincipalID) -> [CaseRecord] {
        cases.filter { record in
            record.owner == principal
                && [.assigned, .open, .parked, .pending].contains(record.status)
        }
    }

    private func swept(_ count: UInt32, _ more: Bool, _ always: Bool = false) -> ShardResult {
        let next = cases.compactMap(\.dueAt).min()
        return .swept(count: count, more: more && (count > 0 || always), nextDueAt: next)
    }

    private mutating func admit(_ epoch: Epoch) -> Bool {
        guard epoch >= self.epoch else { return false }
        self.epoch = epoch
        return true
    }

    private mutating func work(
        _ records: [CaseRecord],
        _ limit: UInt32,
        _ index: UInt64,
        _ action: (CaseRecord) -> CaseAction
    ) -> UInt32 {
        var count: UInt32 = 0
        for record in records.prefix(Int(limit)) {
            var writer = ByteWriter()
            writer.write(index)
            writer.write(record.id.rawValue)
            let salt = Array(SHA256Digest(hashing: writer.bytes).bytes.prefix(16))
            let command = CaseCommand(
                actor: People.system,
                target: record.id,
                action: action(record),
                salt: salt
            )
            if case .accepted = carryOut(command) { count += 1 }
        }
        return count
    }

    private mutating func expire() {
        guard let oldest = keys.first(where: { !$0.isContact }),
            oldest.at + retention.keyLifetime + retention.keySlack <= now
        else { return }
        var left = retention.keyPageMax
        let limit = now.rawValue - retention.keyLifetime.milliseconds
        keys.removeAll { key in
            guard !key.isContact, left > 0, key.at.rawValue <= limit else { return false }
            left -= 1
            return true
        }
    }

    private mutating func once(_ command: CaseCommand, _ scope: IdempotencyScope) -> ShardResult {
        let isContact = command.actor.role == .intake || scope.isContact
        let known = keys.first {
            $0.isContact == isContact && $0.scope.principal == scope.principal
                && $0.scope.method == scope.method && $0.scope.key == scope.key
        }
        if let known {
            return known.scope.requestHash == scope.requestHash
                ? known.result : .refused(.keyReused)
        }
        let result = carryOut(command)
        keys.append(Key(scope: scope, at: now, isContact: isContact, result: result))
        return result
    }

    private mutating func claim(
        _ key: String,
        _ channel: PrincipalID,
        _ hash: SHA256Digest
    ) -> ShardResult {
        if let known = claims.first(where: { $0.key == key && $0.channel == channel }) {
            return known.contentHash == hash
                ? .claimed(caseID: known.caseID) : .refused(.keyReused)
        }
        claims.append(KnownClaim(key: key, channel: channel, contentHash: hash))
        return .claimed(caseID: nil)
    }

    private mutating func carryOut(_ command: CaseCommand) -> ShardResult {
        let place = cases.firstIndex { $0.id == command.target }
        let old = place.map { cases[$0] }
        let newID = CaseID.next(after: lastID, at: now, in: shard)
        let facts = ShardFacts(
            ownerIsGone: old?.owner.map { gone.contains($0) } ?? false,
            candidateIsGone: gone.contains(command.candidate)
        )
        switch CaseMachine.step(old, command, at: now, facts: facts, newID: newID) {
        case .failure(let refusal): return .refused(refusal)
        case .success(let step):
            if let place {
                cases[place] = step.record
            } else {
                cases.append(step.record)
                lastID = newID
            }
            let erases = step.events.contains { if case .erased = $0 { true } else { false } }
            if erases { events[step.record.id] = [] }
            events[step.record.id, default: []] += step.events
            return .accepted(step.receipt)
        }
    }
}
