import CaseModel
import CaseStore
import ClusterPrimitives

/// Reads a shard that this node has no replica of, or an old one, at a node that has one.
///
/// Each question is answered linearizably and waits for its answer, on a thread that is there for waiting
/// (`ServiceContext.remoteReaders`): never on an event loop, nor where other nodes' questions are answered.
struct RemoteShardReader: ShardReading {
    let ask: (ShardQuestion) throws -> [UInt8]

    private func answer<Value>(
        _ question: ShardQuestion,
        _ read: (inout ByteReader) throws(DecodingFault) -> Value
    ) throws -> Value {
        var reader = ByteReader(try ask(question))
        let value = try read(&reader)
        try reader.finish()
        return value
    }

    func record(_ id: CaseID) throws -> CaseRecord? {
        try answer(.record(id)) { reader throws(DecodingFault) in try reader.optional() }
    }

    func entries(
        of id: CaseID,
        after: UInt64,
        limit: Int,
        includeStaff: Bool
    ) throws -> [HistoryEntry] {
        try answer(.entries(id, after: after, limit: limit, includeStaff: includeStaff)) {
            reader throws(DecodingFault) in
            try reader.array { reader throws(DecodingFault) in try reader.value() }
        }
    }

    func raw(of id: CaseID, entry number: UInt64, includeStaff: Bool) throws -> [UInt8]? {
        try answer(.raw(id, entry: number, includeStaff: includeStaff)) {
            reader throws(DecodingFault) in
            try reader.optional { reader throws(DecodingFault) in try reader.data() }
        }
    }

    func verify(_ id: CaseID) throws -> AuditVerdict? {
        try answer(.verify(id)) { reader throws(DecodingFault) in
            try reader.optional { reader throws(DecodingFault) in try reader.verdict() }
        }
    }

    func list(_ query: CaseQuery) throws -> CasePage {
        try answer(.list(query)) { reader throws(DecodingFault) in try reader.page() }
    }

    func keyResult(_ scope: IdempotencyScope, byIntake: Bool) throws -> KeyLookup {
        try answer(.keyResult(scope, byIntake: byIntake)) { reader throws(DecodingFault) in
            try reader.lookup()
        }
    }

    func claimedCase(key: String, channel: PrincipalID) throws -> CaseID? {
        try answer(.claimedCase(key: key, channel: channel)) { reader throws(DecodingFault) in
            try reader.optional()
        }
    }

    func feed(after position: UInt64, limit: Int) throws -> FeedPage {
        try answer(.feed(after: position, limit: limit)) { reader throws(DecodingFault) in
            try reader.feed()
        }
    }

    func feedBounds() throws -> FeedBounds {
        try answer(.feedBounds) { reader throws(DecodingFault) in
            FeedBounds(floor: try reader.unsigned(), last: try reader.unsigned())
        }
    }
}
