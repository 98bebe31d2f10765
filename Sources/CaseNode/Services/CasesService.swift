import CaseModel
import CaseProtocol
import CaseStore
import ClusterPrimitives
import CoordinatorCore
import RPC

/// `casecluster.v1.Cases`: commands and reads on cases.
struct CasesService: Sendable {
    static let name = "casecluster.v1.Cases"
    /// Entries on a page where the caller does not say.
    static let historyPageDefault = 100
    /// Entries or cases on a page, at most: a page must fit a message.
    static let pageMax = 500

    let context: ServiceContext

    func register(in router: inout RPCRouter) {
        router.unary(path("Create"), PBCreateRequest.self, PBReceipt.self, calling: create)
        router.unary(path("Execute"), PBExecuteRequest.self, PBReceipt.self, calling: execute)
        router.unary(path("Get"), PBGetRequest.self, PBCase.self, calling: get)
        router.unary(
            path("History"),
            PBHistoryRequest.self,
            PBHistoryResponse.self,
            calling: history
        )
        router.unary(path("Verify"), PBVerifyRequest.self, PBVerifyResponse.self, calling: verify)
        router.unary(path("GetRaw"), PBGetRawRequest.self, PBGetRawResponse.self, calling: raw)
    }

    func path(_ method: String) -> String { "/\(Self.name)/\(method)" }

    // MARK: Commands

    @Sendable
    private func create(_ request: PBCreateRequest, _ reply: MessageReply<PBReceipt>) {
        context.answering(reply) { actor throws(WireError) in
            let new: NewCase
            do throws(RequestFault) {
                new = try request.newCase(by: actor, directory: context.directory)
            } catch { throw WireError(error) }
            var plain = request
            plain.idempotencyKey = ""
            let scope = try context.scope(
                actor,
                method: path("Create"),
                key: request.idempotencyKey,
                request: plain
            )
            let command = context.command(actor, target: nil, action: .create(new))
            let shard = context.shard(of: scope)
            try context.follow(shard, reply.context)
            finish(command, scope, shard, reply)
        }
    }

    @Sendable
    private func execute(_ request: PBExecuteRequest, _ reply: MessageReply<PBReceipt>) {
        context.answering(reply) { actor throws(WireError) in
            let (id, shard) = try locate(request.caseID)
            try context.follow(shard, reply.context)
            let action: CaseAction
            do throws(RequestFault) {
                action = try request.caseAction(directory: context.directory)
            } catch { throw WireError(error) }
            var plain = request
            plain.idempotencyKey = ""
            let scope = try context.scope(
                actor,
                method: path("Execute"),
                key: request.idempotencyKey,
                request: plain
            )
            let command = context.command(
                actor,
                target: id,
                action: action,
                expectedVersion: request.hasExpectedVersion ? request.expectedVersion : nil
            )
            finish(command, scope, shard, reply)
        }
    }

    private func finish(
        _ command: CaseCommand,
        _ scope: IdempotencyScope,
        _ shard: GroupRoute<ShardMachine>,
        _ reply: MessageReply<PBReceipt>
    ) {
        context.proposeCase(command, scope: scope, to: shard) { result in
            switch result {
            case .success(let receipt):
                reply.complete(
                    PBReceipt(receipt, key: scope.key),
                    metadata: context.guidance(shard)
                )
            case .failure(let error): reply.fail(RPCStatus(error))
            }
        }
    }

    // MARK: Reads

    @Sendable
    private func get(_ request: PBGetRequest, _ reply: MessageReply<PBCase>) {
        reading(request.caseID, reply) { reader, record, actor in
            PBCase(record, forStaff: actor.role != .requester)
        }
    }

    @Sendable
    private func history(_ request: PBHistoryRequest, _ reply: MessageReply<PBHistoryResponse>) {
        guard request.pageSize <= Self.pageMax else {
            let fault = RequestFault("page_size", "must be at most \(Self.pageMax)")
            return reply.fail(RPCStatus(WireError(fault)))
        }
        let size = request.pageSize == 0 ? Self.historyPageDefault : Int(request.pageSize)
        reading(request.caseID, reply) { reader, record, actor in
            #if CASECLUSTER_FAULTS
            let includesStaff = actor.role != .requester || DeliberateNodeFault.showsNotes.isOn
            #else
            let includesStaff = actor.role != .requester
            #endif
            var page = PageBudget(itemsMax: size)
            var response = PBHistoryResponse()
            var after = request.afterNumber
            // The store ends a page where it likes: only an empty one is the end.
            while !response.more {
                let found = try reader.entries(
                    of: record.id,
                    after: after,
                    limit: size + 1 - response.entries.count,
                    includeStaff: includesStaff
                )
                guard let last = found.last else { break }
                after = last.number
                for entry in found.map(PBEntry.init) {
                    guard page.take(entry.pageBytes) else {
                        response.more = true
                        break
                    }
                    response.entries.append(entry)
                }
            }
            return response
        }
    }

    @Sendable
    private func verify(_ request: PBVerifyRequest, _ reply: MessageReply<PBVerifyResponse>) {
        reading(request.caseID, reply) { reader, record, actor in
            guard actor.role != .requester else {
                throw WireError.forbidden(actor.role, needs: "staff")
            }
            guard let verdict = try reader.verify(record.id) else { throw WireError.notFound }
            return PBVerifyResponse(verdict, of: record)
        }
    }

    @Sendable
    private func raw(_ request: PBGetRawRequest, _ reply: MessageReply<PBGetRawResponse>) {
        reading(request.caseID, reply) { reader, record, actor in
            let bytes = try reader.raw(
                of: record.id,
                entry: request.number,
                includeStaff: actor.role != .requester
            )
            guard let bytes else {
                throw WireError(
                    code: WireError.Code.notFound,
                    kind: "not-found",
                    field: "number",
                    message: "this entry has no raw message"
                )
            }
            return PBGetRawResponse.with { $0.raw = .init(bytes) }
        }
    }

    // MARK: Shared

    /// An id and its shard; an id of a shard that there is not names no case.
    func locate(_ text: String) throws(WireError) -> (CaseID, GroupRoute<ShardMachine>) {
        let id: CaseID
        do throws(RequestFault) {
            id = try CaseID(field: "case_id", text)
        } catch { throw WireError(error) }
        guard let shard = context.shard(of: id) else { throw .notFound }
        return (id, shard)
    }

    /// An admin runs the cluster and sees no case: told so, instead of "no such case" or an empty list.
    static func requireReader(_ actor: Actor) throws(WireError) {
        guard actor.role != .admin else {
            throw .forbidden(actor.role, needs: "a requester's or staff's token")
        }
    }

    /// Reads something of one case that the caller may see.
    private func reading<Response: Sendable>(
        _ caseID: String,
        _ reply: MessageReply<Response>,
        _ body: @escaping @Sendable (any ShardReading, CaseRecord, Actor) throws -> Response
    ) {
        context.answering(reply) { actor throws(WireError) in
            try Self.requireReader(actor)
            let (id, shard) = try locate(caseID)
            let freshness = context.freshness(reply.context, [shard])
            if case .linearizable = freshness { try context.follow(shard, reply.context) }
            context.read(shard, freshness) { reader in
                guard let record = try reader.record(id), CaseMachine.maySee(actor, record) else {
                    throw WireError.notFound
                }
                return try body(reader, record, actor)
            } _: { result in
                switch result {
                case .success(let response):
                    let guidance = context.guidance(shard).merging(freshness.guidance)
                    reply.complete(response, metadata: guidance)
                case .failure(let error): reply.fail(RPCStatus(error))
                }
            }
        }
    }
}
