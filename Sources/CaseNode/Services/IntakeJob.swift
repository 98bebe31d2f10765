import CaseIntake
import CaseModel
import CaseProtocol
import CaseStore
import ClusterPrimitives
import CoordinatorCore

/// One contact on its way to its case.
struct IntakeJob: Sendable {
    let context: ServiceContext
    let contact: IncomingContact
    let raw: [UInt8]
    let queue: QueueFacts
    let origin: String
    /// The contact's key; with a part of the content's hash behind it if the key alone was taken by another.
    private var key: String

    init(
        context: ServiceContext,
        contact: IncomingContact,
        raw: [UInt8],
        queue: QueueFacts,
        origin: String
    ) {
        self.context = context
        self.contact = contact
        self.raw = raw
        self.queue = queue
        self.origin = origin
        key = contact.externalKey
    }

    private var channel: PrincipalID { contact.channelPrincipal }

    private func scope(_ key: String, _ method: String = IntakeService.method) -> IdempotencyScope {
        // The claim has compared the contents: the key alone names the request from here on.
        IdempotencyScope(
            principal: channel,
            method: method,
            key: key,
            requestHash: SHA256Digest(hashing: Array(key.utf8))
        )
    }

    private var home: GroupRoute<ShardMachine> { context.shard(of: scope(key)) }

    /// Takes the contact, or finds out what became of it.
    mutating func run() async throws -> PBSubmitResponse {
        let known = try await claim()
        let created = scope(key)
        let earlier = try await context.read(home) { reader in
            try reader.keyResult(created, byIntake: true)
        }
        if case .remembered(.accepted(let receipt)) = earlier {
            let links = try await read(receipt.id)?.links ?? []
            let old = links.first { $0.kind == .followUpOf }?.other
            if known == nil { try await settle(receipt.id, followingUp: old) }
            let outcome: PBSubmitOutcome = old == nil ? .created : .followUp
            return try await respond(receipt.id, outcome, duplicate: true)
        }
        if let known { return try await respond(known, .commented, duplicate: true) }
        guard let target = try await target() else { return try await create(followingUp: nil) }
        return try await join(target)
    }

    // MARK: The claim

    /// - Returns: the case that the contact went to, if it was taken before.
    private mutating func claim() async throws -> CaseID? {
        let content = contact.contentHash
        for attempt in 0..<2 {
            let result = try await context.propose(
                .claim(key: key, channel: channel, contentHash: content),
                to: home
            )
            switch result {
            case .claimed(let caseID): return caseID
            case .refused(.keyReused) where attempt == 0:
                key = "\(contact.externalKey)#\(Hex.encode(content.bytes.prefix(8)))"
            case .refused(let refusal): throw WireError(refusal)
            case .accepted, .swept: preconditionFailure("a claim is claimed or refused")
            }
        }
        throw WireError(CaseRefusal.keyReused)
    }

    /// What is left to do for a new case. The record comes last: a retry looks for what is missing only
    /// while there is none.
    private func settle(_ id: CaseID, followingUp old: CaseID?) async throws {
        if let old { try await linkBack(from: old, to: id) }
        try await record(id)
    }

    private func record(_ id: CaseID) async throws {
        _ = try await context.propose(
            .recordClaim(key: key, channel: channel, caseID: id),
            to: home
        )
    }

    // MARK: Where it belongs

    /// The case that the contact answers: the latest message that it refers to and that is known here, else
    /// the case named in it.
    private func target() async throws -> CaseRecord? {
        for reference in contact.references.reversed() {
            let shard = context.shard(of: scope(reference))
            let channel = channel
            let found = try await context.read(shard) { reader in
                try reader.claimedCase(key: reference, channel: channel)
            }
            if let found, let record = try await read(found) { return record }
        }
        if let hint = contact.caseIDHint { return try await read(hint) }
        return nil
    }

    private func read(_ id: CaseID) async throws -> CaseRecord? {
        guard let shard = context.shard(of: id) else { return nil }
        return try await context.read(shard) { try $0.record(id) }
    }

    // MARK: Joining a case

    /// A method of its own: the case's shard may be the key's home, where a create of the same contact, after
    /// this was refused, must not find the refusal under its name.
    private static let joinMethod = "/\(IntakeService.name)/Join"

    private func join(_ record: CaseRecord) async throws -> PBSubmitResponse {
        guard let shard = context.shard(of: record.id) else { throw WireError.notFound }
        let joined = scope(key, Self.joinMethod)
        let (actor, action, outcome) = command(on: record)
        // An attempt that was cut short may have joined; the case may have ended since.
        let earlier = try await context.read(shard) { reader in
            try reader.keyResult(joined, byIntake: true)
        }
        if case .remembered(.accepted(let receipt)) = earlier {
            try await self.record(receipt.id)
            return try await respond(receipt.id, outcome, duplicate: true)
        }
        switch record.status {
        case .deleted: return try await create(followingUp: nil)
        case .closed, .archived: return try await create(followingUp: record.id)
        default: break
        }
        let result = try await context.propose(
            .onCase(context.command(actor, target: record.id, action: action), joined),
            to: shard
        )
        switch result {
        case .accepted(let receipt):
            try await self.record(receipt.id)
            return try await respond(receipt.id, outcome, duplicate: false)
        case .refused(.wrongStatus), .refused(.notFound):
            // It ended between the look and the command.
            return try await create(followingUp: record.id)
        case .refused(let refusal): throw WireError(refusal)
        case .claimed, .swept: preconditionFailure("a command on a case is accepted or refused")
        }
    }

    private func command(
        on record: CaseRecord
    ) -> (actor: Actor, action: CaseAction, outcome: PBSubmitOutcome) {
        var message = CaseMessage(text: contact.text, interaction: contact.interaction(raw: raw))
        if contact.automatic != .none {
            message.from = contact.sender.address.value
            return (intakeActor, .automaticReply(message), .attached)
        }
        let sender = senderActor
        let names = [sender.id] + sender.aliases
        if names.contains(record.requester.principal) {
            return (sender, .comment(message), .commented)
        }
        message.from = contact.sender.address.value
        return (intakeActor, .comment(message), .attached)
    }

    private var intakeActor: Actor { Actor(id: channel, role: .intake, origin: origin) }

    /// Who the sender is, as far as the directory can tell.
    private var senderActor: Actor {
        let state = context.system.machine.state
        let id = senderPrincipal(state)
        var actor = state.actor(id) ?? Actor(id: id, role: .requester)
        // A colleague who writes from outside speaks as a requester, not with an agent's rights.
        if actor.role != .requester { actor = Actor(id: id, role: .requester) }
        actor.origin = origin
        return actor
    }

    private func senderPrincipal(_ state: SystemState) -> PrincipalID {
        let address = contact.sender.address
        let found: PrincipalID? =
            switch (address.kind, contact.channel) {
            case (.email, .email): state.requester(forAddress: address.value)
            case (.email, _) where contact.sender.isVerified:
                state.requester(forAddress: address.value)
            case (.phone, .call): state.requester(forPhone: address.value)
            case (.phone, _) where contact.sender.isVerified:
                state.requester(forPhone: address.value)
            default: state.requester(forVisitor: contact.externalKey)
            }
        // An address outside the grammar still names somebody, whom nobody can prove to be.
        return found ?? .unverified(address.value)
    }

    // MARK: A new case

    private func create(followingUp old: CaseID?) async throws -> PBSubmitResponse {
        let address = contact.sender.address
        let new = NewCase(
            title: contact.title,
            requester: Requester(
                principal: senderActor.id,
                name: contact.sender.displayName,
                address: address.kind == .email ? address.value : "",
                phone: address.kind == .phone ? address.value : ""
            ),
            channel: contact.modelChannel,
            channelInfo: contact.recipients.prefix(8).map { NamedValue("to", $0.value) }
                + contact.details.map { NamedValue($0.name, $0.value) },
            firstMessage: CaseMessage(
                text: contact.fullText.isEmpty ? contact.text : contact.fullText,
                interaction: contact.interaction(raw: raw)
            ),
            queue: queue,
            tags: contact.automatic == .none ? [] : ["automatic"],
            links: old.map { [CaseLink(kind: .followUpOf, other: $0)] } ?? []
        )
        let command = context.command(intakeActor, target: nil, action: .create(new))
        let result = try await context.propose(.onCase(command, scope(key)), to: home)
        switch result {
        case .accepted(let receipt):
            try await settle(receipt.id, followingUp: old)
            return try await respond(
                receipt.id,
                old == nil ? .created : .followUp,
                duplicate: false
            )
        case .refused(let refusal): throw WireError(refusal)
        case .claimed, .swept: preconditionFailure("a create is accepted or refused")
        }
    }

    /// The ended case learns of what continues it. It may have been erased meanwhile, which ends the link.
    private func linkBack(from old: CaseID, to new: CaseID) async throws {
        guard let shard = context.shard(of: old) else { return }
        let link = CaseAction.link(CaseLink(kind: .followedUpBy, other: new))
        _ = try await context.propose(
            .onCase(
                context.command(intakeActor, target: old, action: link),
                scope(key, "/\(IntakeService.name)/LinkBack")
            ),
            to: shard
        )
    }

    // MARK: The answer

    private func respond(
        _ id: CaseID,
        _ outcome: PBSubmitOutcome,
        duplicate: Bool
    ) async throws -> PBSubmitResponse {
        let record = try await read(id)
        return PBSubmitResponse.with {
            $0.caseID = id.description
            $0.outcome = outcome
            $0.duplicate = duplicate
            $0.externalKey = key
            $0.status = record.map { PBCaseStatus($0.status) } ?? .unspecified
        }
    }
}
