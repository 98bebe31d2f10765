import CaseModel
import ClusterPrimitives
import GRDB

/// An agent's load as the shard knows it.
public struct OwnedCase: Hashable, Sendable {
    /// The case.
    public var id: CaseID
    /// Assigned or open.
    public var status: CaseStatus
    /// Whose.
    public var owner: PrincipalID
    /// Of which change of owner.
    public var ownershipVersion: UInt64
    /// Where it belongs.
    public var queue: QueueID
}

/// Lists. SQL narrows by columns and index; what a column doesn't hold (tags, rights) is asked of the record.
extension ShardReader {
    /// A page of a list.
    public func list(_ query: CaseQuery) throws(StoreError) -> CasePage {
        guard query.scope.map({ $0.role != .admin }) ?? true else { return CasePage() }
        let limit = Self.page(query.limit)
        var pages: [CasePage] = []
        for isArchived in [false, true] {
            guard let selection = CaseSelection(query, isArchived: isArchived) else { continue }
            pages.append(try page(selection, query, limit: limit))
        }
        return Self.merge(pages, sort: query.sort, limit: limit)
    }

    private func page(
        _ selection: CaseSelection,
        _ query: CaseQuery,
        limit: Int
    ) throws(StoreError) -> CasePage {
        let select = try PreparedStatement(uncached: selection.sql, in: db)
        defer { select.reset() }
        for (offset, value) in selection.values.enumerated() {
            switch value {
            case .integer(let number): select.bind(Int32(offset) + 1, number)
            case .text(let text): select.bind(Int32(offset) + 1, text)
            }
        }
        var page = CasePage()
        var examined = 0
        while try select.step() {
            let record = try select.value(0, as: CaseRecord.self)
            examined += 1
            if selection.admits(record) { page.records.append(record) }
            // A rare tag must not keep a snapshot open: the page ends, and the next one goes on.
            if page.records.count >= limit || examined >= Self.examinedMax {
                page.next = CaseSortKey(of: record, in: query.sort)
                break
            }
        }
        if query.scope?.role == .requester {
            page.records = page.records.map { $0.redactedForRequester() }
        }
        return page
    }

    /// Records that one page decodes at most: about 50 ms.
    private static let examinedMax = 10_000

    /// Merges the two tables' pages. What lies behind a place where one page broke off is left for the next.
    private static func merge(_ pages: [CasePage], sort: CaseSort, limit: Int) -> CasePage {
        var keyed: [(key: CaseSortKey, record: CaseRecord)] = []
        for page in pages {
            keyed += page.records.map { (CaseSortKey(of: $0, in: sort), $0) }
        }
        keyed.sort { $0.key < $1.key }
        var end = pages.compactMap(\.next).min()
        if let end { keyed.removeAll { $0.key > end } }
        if keyed.count > limit {
            keyed.removeLast(keyed.count - limit)
            end = keyed.last?.key
        }
        return CasePage(records: keyed.map(\.record), next: end)
    }

    /// Assigned and open cases by id: what the book of loads is made anew from.
    public func owned(after: CaseID?, limit: Int) throws(StoreError) -> [OwnedCase] {
        let select = try PreparedStatement(
            db,
            """
            SELECT record FROM cases WHERE id > ? AND owner IS NOT NULL AND status IN (3, 4)
            ORDER BY id LIMIT ?
            """
        )
        defer { select.reset() }
        select.bind(1, after.map { Int64($0.rawValue) } ?? -1)
        select.bind(2, Int64(Self.page(limit)))
        var found: [OwnedCase] = []
        while try select.step() {
            let record = try select.value(0, as: CaseRecord.self)
            guard let owner = record.owner else {
                throw .corrupt(detail: "case \(record.id) has an owner's column and no owner")
            }
            found.append(
                OwnedCase(
                    id: record.id,
                    status: record.status,
                    owner: owner,
                    ownershipVersion: record.ownershipVersion,
                    queue: record.queue
                )
            )
        }
        return found
    }
}

/// A query as SQL over one of the two tables, and the rest of it as a test of records.
struct CaseSelection {
    enum Value: Hashable {
        case integer(Int64)
        case text(String)
    }

    private(set) var sql = ""
    private(set) var values: [Value] = []
    private var conditions: [String] = []
    private let query: CaseQuery

    /// Nil where the table can't have any.
    init?(_ query: CaseQuery, isArchived: Bool) {
        self.query = query
        guard Self.concerns(query, isArchived: isArchived) else { return nil }
        addFilters(isArchived: isArchived)
        addScope()
        addPlace()
        let table = isArchived ? "archived" : "cases"
        let rest = conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
        sql = "SELECT record FROM \(table)\(rest) ORDER BY \(order)"
    }

    private static func concerns(_ query: CaseQuery, isArchived: Bool) -> Bool {
        // An archived case that is erased later stays in its table.
        guard isArchived else { return true }
        guard query.sort != .queue else { return false }
        return query.statuses.isEmpty || query.statuses.contains(.archived)
            || query.statuses.contains(.deleted)
    }

    private mutating func addFilters(isArchived: Bool) {
        if query.sort == .queue {
            // As in the partial index, so that SQLite may use it.
            conditions.append("status IN (1, 2)")
        }
        if query.statuses.isEmpty {
            conditions.append("status <> \(CaseStatus.deleted.rawValue)")
        } else {
            let list = query.statuses.map { String($0.rawValue) }.joined(separator: ", ")
            conditions.append("status IN (\(list))")
        }
        add("queue = ?", query.queue?.rawValue)
        add("team = ?", query.team?.rawValue)
        add("owner = ?", query.owner?.rawValue)
        if !query.requesters.isEmpty { addAny("requester", query.requesters.map(\.rawValue)) }
        if let channel = query.channel {
            conditions.append("channel = \(channel.rawValue)")
        }
        if let since = query.updatedSince {
            conditions.append("updated_at >= ?")
            values.append(.integer(since.rawValue))
        }
    }

    private mutating func add(_ condition: String, _ text: String?) {
        guard let text else { return }
        conditions.append(condition)
        values.append(.text(text))
    }

    private mutating func addAny(_ column: String, _ texts: [String]) {
        let places = texts.map { _ in "?" }.joined(separator: ", ")
        conditions.append("\(column) IN (\(places))")
        values += texts.map { .text($0) }
    }

    /// Never narrower than `CaseMachine.maySee`, which has the last word on each record.
    private mutating func addScope() {
        guard let actor = query.scope else { return }
        switch actor.role {
        case .requester:
            addAny("requester", ([actor.id] + actor.aliases).map(\.rawValue))
        case .agent:
            // Handed up to another team: only while escalated, or offered from there.
            let places = actor.teams.map { _ in "?" }.joined(separator: ", ")
            conditions.append("(team IN (\(places)) OR owner = ? OR status IN (2, 3))")
            values += actor.teams.map { .text($0.rawValue) } + [.text(actor.id.rawValue)]
        case .reviewer: addAny("team", actor.teams.map(\.rawValue))
        case .aiAgent: addAny("queue", actor.queues.map(\.rawValue))
        case .supervisor, .system, .intake, .admin: break
        }
    }

    private mutating func addPlace() {
        guard let parts = query.after?.parts, parts.count == partCount else { return }
        switch query.sort {
        case .created: conditions.append("id > ?")
        case .createdDescending: conditions.append("id < ?")
        case .updated: conditions.append("(updated_at, id) > (?, ?)")
        case .updatedDescending: conditions.append("(updated_at, id) < (?, ?)")
        case .queue: conditions.append("(-priority, -status, queued_at, id) > (?, ?, ?, ?)")
        }
        let isNegated = query.sort == .createdDescending || query.sort == .updatedDescending
        values += parts.map { .integer(isNegated ? 0 &- $0 : $0) }
    }

    private var partCount: Int {
        switch query.sort {
        case .created, .createdDescending: 1
        case .updated, .updatedDescending: 2
        case .queue: 4
        }
    }

    private var order: String {
        switch query.sort {
        case .created: "id"
        case .createdDescending: "id DESC"
        case .updated: "updated_at, id"
        case .updatedDescending: "updated_at DESC, id DESC"
        case .queue: "priority DESC, status DESC, queued_at, id"
        }
    }

    /// What no column says.
    func admits(_ record: CaseRecord) -> Bool {
        if let actor = query.scope, !CaseMachine.maySee(actor, record) { return false }
        guard let tag = query.tag else { return true }
        return record.tags.contains { $0.utf8.elementsEqual(tag.utf8) }
    }
}
