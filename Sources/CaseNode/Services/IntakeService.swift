import CaseIntake
import CaseModel
import CaseProtocol
import CaseStore
import ClusterPrimitives
import CoordinatorCore
import RPC

/// `casecluster.v1.Intake`: a contact claims its key, becomes a case or joins one, and is recorded there.
///
/// Each step is idempotent under the contact's own key, so that a retry resumes wherever the last attempt
/// stopped: the claim answers with the case once that is recorded; before, the create or comment answers
/// what it answered the first time. Contacts with one key are taken one after the other on a node.
struct IntakeService: Sendable {
    static let name = "casecluster.v1.Intake"
    static let method = "/\(name)/Submit"

    let context: ServiceContext
    let gate = KeyGate()

    func register(in router: inout RPCRouter) {
        router.unary(Self.method, PBSubmitRequest.self, PBSubmitResponse.self) { request, call in
            do {
                return try await submit(request, call)
            } catch let error as WireError {
                throw RPCStatus(error)
            }
        }
    }

    private func submit(
        _ request: PBSubmitRequest,
        _ call: RPCContext
    ) async throws -> PBSubmitResponse {
        let actor = try await context.authenticated(call)
        guard [.intake, .supervisor, .admin].contains(actor.role) else {
            throw WireError.forbidden(actor.role, needs: "intake, a supervisor or an admin")
        }
        let contact = try await parse(request)
        guard contact.rawByteCount <= CaseLimits.rawBytesMax else {
            throw WireError(
                RequestFault("contact", "has \(contact.rawByteCount) bytes, at most 4 MiB are kept")
            )
        }
        let queue = try queue(request.queue, contact)
        var job = IntakeJob(
            context: context,
            contact: contact,
            raw: request.rawBytes,
            queue: queue,
            origin: "\(contact.channel.rawValue) via \(actor.id) \(actor.origin)"
        )
        await gate.enter(contact.externalKey)
        defer { gate.leave(contact.externalKey) }
        return try await job.run()
    }

    /// Parses on a reader thread: a large mail takes milliseconds.
    private func parse(_ request: PBSubmitRequest) async throws -> IncomingContact {
        guard let given = request.contact else {
            throw WireError(RequestFault("contact", "is required: mail, chat or call"))
        }
        let code = context.system.machine.state.settings.countryCode
        do {
            return try await context.readers.runIfActive {
                switch given {
                case .mail(let data): try MailParser.parse([UInt8](data))
                case .chat(let data):
                    try ChatParser.parse([UInt8](data), countryCode: code.isEmpty ? nil : code)
                case .call(let data):
                    try CallParser.parse([UInt8](data), countryCode: code.isEmpty ? nil : code)
                }
            }
        } catch let error as IntakeError {
            throw WireError(
                code: WireError.Code.invalidArgument,
                kind: "intake-\(error.code)",
                field: "contact",
                message: "\(error)"
            )
        }
    }

    private func queue(_ name: String, _ contact: IncomingContact) throws(WireError) -> QueueFacts {
        let state = context.system.machine.state
        if !name.isEmpty {
            guard let facts = state.queueFacts(QueueID(name)) else {
                throw WireError(RequestFault("queue", "there is no queue of this name"))
            }
            return facts
        }
        let recipients = contact.recipients.map(\.value)
        guard
            let facts = state.queueFacts(forRecipients: recipients, channel: contact.modelChannel)
        else { throw .notFounded }
        return facts
    }
}

extension PBSubmitRequest {
    /// The contact as it came.
    var rawBytes: [UInt8] {
        switch contact {
        case .mail(let data), .chat(let data), .call(let data): [UInt8](data)
        case nil: []
        }
    }
}

extension IncomingContact {
    /// The channel in the model's words.
    var modelChannel: CaseModel.Channel {
        switch channel {
        case .email: .email
        case .chat: .chat
        case .call: .call
        }
    }

    /// The channel as the principal that a contact's key belongs to, whichever way it came in.
    var channelPrincipal: PrincipalID {
        PrincipalID(IdempotencyScope.channelPrefix + channel.rawValue)
    }

    /// What makes two deliveries the same contact: not the raw bytes, since each way adds its own header
    /// lines, and not the key alone, since broken programs use one Message-ID for different mails.
    var contentHash: SHA256Digest {
        var writer = ByteWriter(reserving: fullText.utf8.count + 512)
        writer.write(sender.address.value)
        writer.write(title)
        writer.write(fullText)
        writer.write(sentAt?.rawValue ?? 0)
        writer.write(array: attachments) { $0.write(raw: $1.digest.bytes) }
        return SHA256Digest(hashing: writer.bytes)
    }

    /// The contact as it is kept with a case.
    func interaction(raw: [UInt8]) -> Interaction {
        var info = [NamedValue("from", sender.address.value)]
        if sender.displayName != sender.address.value {
            info.append(NamedValue("from-name", sender.displayName))
        }
        info += recipients.prefix(8).map { NamedValue("to", $0.value) }
        info += details.map { NamedValue($0.name, $0.value) }
        if automatic != .none { info.append(NamedValue("automatic", automatic.rawValue)) }
        if let language { info.append(NamedValue("language", language)) }
        return Interaction(
            channel: modelChannel,
            externalKey: externalKey,
            sentAt: sentAt ?? .zero,
            info: info,
            attachments: attachments.prefix(CaseLimits.attachmentsMax).map {
                CaseModel.Attachment(
                    fileName: $0.fileName,
                    mediaType: $0.mediaType,
                    byteCount: UInt64($0.byteCount),
                    digest: $0.digest
                )
            },
            raw: raw
        )
    }
}
