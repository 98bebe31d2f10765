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
        cases.context.answering(reply) { actor throws(WireError) in
            let query = try query(request, actor)
            let context = cases.context
            let freshness = context.freshness(reply.context, context.shards)
            context.readAll(freshness) { _, reader in
                try reader.list(query)
            } _: { result in
                switch result {
                case .success(let pages):
                    let page = Self.merge(pages, query.sort, limit: query.limit)
                    reply.complete(
                        PBListResponse.with {
                            $0.cases = page.records.map {
                                PBCase($0, forStaff: actor.role != .requester)
                            }
                            $0.nextPageToken = page.next.map { Self.token($0, query.sort) } ?? ""
                        },
                        metadata: freshness.guidance
                    )
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
            guard !query.statuses.isEmpty else {
                throw WireError(RequestFault("statuses", "only new and escalated cases queue"))
            }
        case .UNRECOGNIZED(let number):
            throw WireError(RequestFault("order", "\(number) is not an order"))
        }
        query.limit = request.pageSize == 0 ? Self.pageDefault : Int(request.pageSize)
        if !request.pageToken.isEmpty {
            query.after = try Self.place(request.pageToken, query.sort)
        }
        return query
    }

    // MARK: Tokens

    /// A place in a list, with the order that it is a place in.
    static func token(_ place: CaseSortKey, _ sort: CaseSort) -> String {
        PageToken.encode([sort.rawValue] + place.encodedBytes)
    }

    /// Reads a client's token.
    static func place(_ token: String, _ sort: CaseSort) throws(WireError) -> CaseSortKey {
        let fault = RequestFault("page_token", "was not given out by this cluster")
        guard let bytes = PageToken.decode(token), let order = bytes.first else {
            throw WireError(fault)
        }
        guard order == sort.rawValue else {
            throw WireError(RequestFault("page_token", "belongs to a list in another order"))
        }
        do {
            return try CaseSortKey(decoding: Array(bytes.dropFirst()))
        } catch { throw WireError(fault) }
    }

    // MARK: Merging

    /// Takes the first cases of all shards. A shard whose page ended early, with more behind it, bounds how
    /// far the merge may go: what it has not shown yet may come before the others' rest.
    static func merge(
        _ pages: [CasePage],
        _ sort: CaseSort,
        limit: Int
    ) -> (records: [CaseRecord], next: CaseSortKey?) {
        var items: [(key: CaseSortKey, record: CaseRecord)] = []
        for page in pages {
            for record in page.records { items.append((CaseSortKey(of: record, in: sort), record)) }
        }
        items.sort { $0.key < $1.key }
        let bound = pages.compactMap(\.next).min()
        if let bound { items.removeAll { $0.key > bound } }
        var budget = PageBudget(itemsMax: limit)
        let taken = items.prefix { budget.take($0.record.pageBytes) }
        let next = items.count > taken.count ? taken.last?.key : bound
        return (taken.map(\.record), next)
    }
}
