import CaseModel
import CaseStore
import ClusterPrimitives

// Answers of a store on their way to another node, beyond what has a form of its own.

/// Bytes of records in one list's answer, at most, but for a single record: a message between nodes takes
/// `PeerLimits.messageBytesMax`. What does not fit is left for the next page.
private let listBytesMax = 4 << 20

extension ByteWriter {
    mutating func write(verdict: AuditVerdict) {
        switch verdict {
        case .intact(let head, let checked):
            write(byte: 0)
            write(head)
            write(UInt64(checked))
        case .broken(let version, let fault):
            write(byte: 1)
            write(version)
            write(byte: fault.tag)
            if case .wrongVersion(let found) = fault { write(found) }
        }
    }

    mutating func write(page: CasePage, sort: CaseSort) {
        var records: [[UInt8]] = []
        var bytes = 0
        for record in page.records {
            let encoded = record.encodedBytes
            guard records.isEmpty || bytes + encoded.count <= listBytesMax else { break }
            bytes += encoded.count
            records.append(encoded)
        }
        let isCut = records.count < page.records.count
        let last = isCut ? page.records[records.count - 1] : nil
        write(array: records) { $0.write(raw: $1) }
        write(optional: last.map { CaseSortKey(of: $0, in: sort) } ?? page.next)
    }

    mutating func write(lookup: KeyLookup) {
        switch lookup {
        case .unknown: write(byte: 0)
        case .remembered(let result):
            write(byte: 1)
            write(result)
        case .otherContent: write(byte: 2)
        }
    }

    mutating func write(feed page: FeedPage) {
        switch page {
        case .items(let items):
            write(byte: 0)
            write(array: items) { $0.write($1) }
        case .tooOld(let last):
            write(byte: 1)
            write(last)
        case .ahead(let last):
            write(byte: 2)
            write(last)
        }
    }

    mutating func write(query: CaseQuery) {
        write(optional: query.scope)
        write(array: query.statuses) { $0.write($1) }
        write(optional: query.queue)
        write(optional: query.team)
        write(optional: query.owner)
        write(array: query.requesters) { $0.write($1) }
        write(optional: query.channel)
        write(optional: query.tag) { $0.write($1) }
        write(optional: query.updatedSince)
        write(byte: query.sort.rawValue)
        write(optional: query.after)
        write(UInt64(query.limit))
    }
}

extension ByteReader {
    mutating func verdict() throws(DecodingFault) -> AuditVerdict {
        guard try bool() else {
            return .intact(head: try value(), checkedContents: Int(clamping: try unsigned()))
        }
        let version = try unsigned()
        let tag = try byte()
        guard let fault = AuditFault(tag: tag, found: tag == 1 ? try unsigned() : 0) else {
            throw fault("an unknown fault of an audit chain")
        }
        return .broken(version: version, fault: fault)
    }

    mutating func page() throws(DecodingFault) -> CasePage {
        CasePage(
            records: try array { reader throws(DecodingFault) in try reader.value() },
            next: try optional()
        )
    }

    mutating func lookup() throws(DecodingFault) -> KeyLookup {
        switch try byte() {
        case 0: return .unknown
        case 1: return .remembered(try value())
        case 2: return .otherContent
        default: throw fault("an unknown answer about a key")
        }
    }

    mutating func feed() throws(DecodingFault) -> FeedPage {
        switch try byte() {
        case 0: return .items(try array { reader throws(DecodingFault) in try reader.value() })
        case 1: return .tooOld(last: try unsigned())
        case 2: return .ahead(last: try unsigned())
        default: throw fault("an unknown page of a feed")
        }
    }

    mutating func query() throws(DecodingFault) -> CaseQuery {
        var query = CaseQuery(scope: try optional())
        query.statuses = try array { reader throws(DecodingFault) in try reader.value() }
        query.queue = try optional()
        query.team = try optional()
        query.owner = try optional()
        query.requesters = try array { reader throws(DecodingFault) in try reader.value() }
        query.channel = try optional()
        query.tag = try optional { reader throws(DecodingFault) in try reader.string() }
        query.updatedSince = try optional()
        guard let sort = CaseSort(rawValue: try byte()) else {
            throw fault("a list in an unknown order")
        }
        query.sort = sort
        query.after = try optional()
        query.limit = Int(clamping: try unsigned())
        return query
    }
}

extension AuditFault {
    fileprivate var tag: UInt8 {
        switch self {
        case .foreignEntry: 0
        case .wrongVersion: 1
        case .brokenLink: 2
        case .brokenStatus: 3
        case .timeRunsBack: 4
        case .changedContent: 5
        case .wrongHead: 6
        }
    }

    fileprivate init?(tag: UInt8, found: UInt64) {
        switch tag {
        case 0: self = .foreignEntry
        case 1: self = .wrongVersion(found: found)
        case 2: self = .brokenLink
        case 3: self = .brokenStatus
        case 4: self = .timeRunsBack
        case 5: self = .changedContent
        case 6: self = .wrongHead
        default: return nil
        }
    }
}
