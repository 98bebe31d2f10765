import CaseModel
import CaseProtocol
import CaseStore
import ClusterPrimitives
import RPC

/// `casecluster.v1.Cases/List`: fans out to all shards and merges by sort key.
struct ListService: Sendable {
    /// Cases on a page where the caller does not say.
    static let pageDefault = 50

    let cases: CasesService

    func register(in router: inout RPCRouter) {
        router.unary(cases.path("List"), PBListRequest.self, PBListResponse.self, calling: list)
    }

    @Sendable
    private func list(_ request: PBListRequest, _ reply: MessageReply<PBListResponse>) {
        cases.answering(reply) { actor throws(WireError) in
            let query = try query(request, actor)
            cases.context.readAll { _, reader in
                try reader.list(query)
            } _: { result in
                switch result {
                case .success(let pages): reply.complete(merge(pages, query, actor))
                case .failure(let error): reply.fail(RPCStatus(error))
                }
            }
        }
    }

    private func query(_ request: PBListRequest, _ actor: Actor) throws(WireError) -> CaseQuery {
        var query = CaseQuery(scope: actor)
        do throws(RequestFault) {
            for (position, status) in request.statuses.enumerated() {
                query.statuses.append(try status.model("statuses[\(position)]"))
            }
            guard request.pageSize <= CasesService.pageMax else {
                throw RequestFault("page_size", "must be at most \(CasesService.pageMax)")
            }
        } catch { throw WireError(error) }
        if query.statuses.isEmpty {
            query.statuses = CaseStatus.allCases.filter { $0 != .archived && $0 != .deleted }
        }
        if !request.queue.isEmpty { query.queue = QueueID(request.queue) }
        if !request.team.isEmpty { query.team = TeamID(request.team) }
        if !request.owner.isEmpty {
            query.owner = request.owner == "me" ? actor.id : PrincipalID(request.owner)
        }
        if !request.requester.isEmpty { query.requesters = [PrincipalID(request.requester)] }
        if !request.tag.isEmpty { query.tag = request.tag }
        switch request.order {
        case .unspecified, .createdDescending: query.sort = .createdDescending
        case .created: query.sort = .created
        case .queue:
            query.sort = .queue
            query.statuses = query.statuses.filter { $0 == .new || $0 == .escalated }
        case .UNRECOGNIZED(let number):
            throw WireError(RequestFault("order", "\(number) is not an order"))
        }
        query.limit = request.pageSize == 0 ? Self.pageDefault : Int(request.pageSize)
        if !request.pageToken.isEmpty { query.after = try after(request.pageToken) }
        return query
    }

    private func after(_ token: String) throws(WireError) -> CaseSortKey {
        let fault = RequestFault("page_token", "was not given out by this cluster")
        guard let bytes = PageToken.decode(token) else { throw WireError(fault) }
        do {
            return try CaseSortKey(decoding: bytes)
        } catch { throw WireError(fault) }
    }

    /// Takes the first cases of all shards. A shard whose page ended early, with more behind it, bounds how
    /// far the merge may go: what it has not shown yet may come before the others' rest.
    private func merge(_ pages: [CasePage], _ query: CaseQuery, _ actor: Actor) -> PBListResponse {
        var items: [(key: CaseSortKey, record: CaseRecord)] = []
        for page in pages {
            for record in page.records {
                items.append((CaseSortKey(of: record, in: query.sort), record))
            }
        }
        items.sort { $0.key < $1.key }
        let bound = pages.compactMap(\.next).min()
        if let bound { items.removeAll { $0.key > bound } }
        let taken = items.prefix(query.limit)
        var next: CaseSortKey?
        if items.count > taken.count { next = taken.last?.key } else { next = bound }
        return PBListResponse.with {
            $0.cases = taken.map { PBCase($0.record, forStaff: actor.role != .requester) }
            $0.nextPageToken = next.map { PageToken.encode($0.encodedBytes) } ?? ""
        }
    }
}
