import CaseModel
import ClusterPrimitives

/// What decides who sees a case, and what a list shows of it; no text that anybody wrote.
public struct CaseOutline: Hashable, Sendable {
    /// Where it stands.
    public var status: CaseStatus
    /// Responsible.
    public var owner: PrincipalID?
    /// The owner's role when it became owner.
    public var ownerRole: Role?
    /// Grows with every change of owner.
    public var ownershipVersion: UInt64
    /// Where it waits, or waited.
    public var queue: QueueID
    /// The queue's team.
    public var team: TeamID
    /// Who asked.
    public var requester: PrincipalID
    /// How urgent.
    public var priority: Priority
    /// Since when it waits in its queue.
    public var queuedAt: Timestamp
    /// To whom it was handed up, while that holds.
    public var escalationTarget: EscalationTarget?

    // Of an object, so that its record is not copied to be looked at.
    init(_ stored: StoredCase) {
        status = stored.record.status
        owner = stored.record.owner
        ownerRole = stored.record.ownerRole
        ownershipVersion = stored.record.ownershipVersion
        queue = stored.record.queue
        team = stored.record.team
        requester = stored.record.requester.principal
        priority = stored.record.priority
        queuedAt = stored.record.queuedAt
        escalationTarget = stored.record.escalation?.target
    }

    /// Whether it is the outline of that case, too.
    func fits(_ stored: StoredCase) -> Bool {
        status == stored.record.status && owner == stored.record.owner
            && ownerRole == stored.record.ownerRole
            && ownershipVersion == stored.record.ownershipVersion && queue == stored.record.queue
            && team == stored.record.team && requester == stored.record.requester.principal
            && priority == stored.record.priority && queuedAt == stored.record.queuedAt
            && escalationTarget == stored.record.escalation?.target
    }

    /// As much of a record as a question of rights needs.
    func record(id: CaseID) -> CaseRecord {
        var record = CaseRecord(
            id: id,
            requester: Requester(principal: requester),
            queue: queue,
            team: team,
            at: queuedAt
        )
        record.status = status
        record.owner = owner
        record.ownerRole = ownerRole
        record.ownershipVersion = ownershipVersion
        record.priority = priority
        record.escalation = escalationTarget.map {
            Escalation(by: PrincipalID(""), reason: "", target: $0)
        }
        return record
    }
}

/// One accepted command, as those who watch learn of it. Carries no content: they read what they may see.
public struct FeedItem: Hashable, Sendable {
    /// The format of a stored item.
    static let formatVersion: UInt8 = 1

    /// Its place in the shard's feed: one more than the item before.
    public var position: UInt64
    /// When, by the shard's time.
    public var at: Timestamp
    /// The case.
    public var caseID: CaseID
    /// Its version after the command.
    public var version: UInt64
    /// What was done.
    public var action: ActionName
    /// Who did it.
    public var by: PrincipalID
    /// In which capacity.
    public var role: Role
    /// The number of the first history entry that it made.
    public var firstEntry: UInt64
    /// How many it made.
    public var entryCount: UInt32
    /// How many of those a requester may read.
    public var publicEntryCount: UInt32
    /// The case before, where the command changed its outline; nil for a creation.
    public var before: CaseOutline?
    /// The case after.
    public var after: CaseOutline
    /// When the coordinator has something to do here, after the command.
    public var dueAt: Timestamp?

    /// What an actor learns of it.
    public func view(for actor: Actor) -> FeedView {
        if CaseMachine.maySee(actor, after.record(id: caseID)) {
            return actor.role == .requester && publicEntryCount == 0 ? .hidden : .changed
        }
        if let before, CaseMachine.maySee(actor, before.record(id: caseID)) { return .gone }
        return .hidden
    }
}

/// What an actor learns of a feed item.
public enum FeedView: Hashable, Sendable {
    /// The case changed, and the actor sees it.
    case changed
    /// The case left what the actor sees: forget it.
    case gone
    /// Nothing.
    case hidden
}

/// A page of the feed, or why there is none.
public enum FeedPage: Hashable, Sendable {
    /// Items in the order of their positions; empty at the end. Go on after the last one's position.
    case items([FeedItem])
    /// The position is no longer kept: read lists anew, then follow from `last`.
    case tooOld(last: UInt64)
    /// The position was not given out by this history of the shard (a restored backup, a lagging replica).
    case ahead(last: UInt64)
}

extension CaseOutline: BinaryCodable {
    /// The fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(status)
        writer.write(optional: owner)
        writer.write(optional: ownerRole)
        writer.write(ownershipVersion)
        writer.write(queue)
        writer.write(team)
        writer.write(requester)
        writer.write(priority)
        writer.write(queuedAt)
        writer.write(optional: escalationTarget)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        status = try reader.value()
        owner = try reader.optional()
        ownerRole = try reader.optional()
        ownershipVersion = try reader.unsigned()
        queue = try reader.value()
        team = try reader.value()
        requester = try reader.value()
        priority = try reader.value()
        queuedAt = try reader.value()
        escalationTarget = try reader.optional()
    }
}

extension FeedItem: BinaryCodable {
    /// The version byte, then the fields in the order of their declaration.
    public func encode(to writer: inout ByteWriter) {
        writer.write(byte: Self.formatVersion)
        writer.write(position)
        writer.write(at)
        writer.write(caseID)
        writer.write(version)
        writer.write(action)
        writer.write(by)
        writer.write(role)
        writer.write(firstEntry)
        writer.write(UInt64(entryCount))
        writer.write(UInt64(publicEntryCount))
        writer.write(optional: before)
        writer.write(after)
        writer.write(optional: dueAt)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        let format = try reader.byte()
        guard format == Self.formatVersion else {
            throw reader.fault("a feed item has format \(format)")
        }
        position = try reader.unsigned()
        at = try reader.value()
        caseID = try reader.value()
        version = try reader.unsigned()
        action = try reader.value()
        by = try reader.value()
        role = try reader.value()
        firstEntry = try reader.unsigned()
        entryCount = UInt32(clamping: try reader.unsigned())
        publicEntryCount = UInt32(clamping: try reader.unsigned())
        before = try reader.optional()
        after = try reader.value()
        dueAt = try reader.optional()
    }
}
