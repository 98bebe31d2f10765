import CaseModel
import ClusterPrimitives

// The forms of other modules' values in this module's commands and records. They are spelled out
// here, so that this module's formats depend on nothing but the primitives.

extension ByteWriter {
    mutating func write(time: Timestamp) { write(time.rawValue) }
    mutating func write(span: TimeSpan) { write(span.milliseconds) }
    mutating func write(principalID id: PrincipalID) { write(id.rawValue) }
    mutating func write(nodeID id: NodeID) { write(id.rawValue) }
    mutating func write(shardID id: ShardID) { write(UInt64(id.rawValue)) }
    mutating func write(logIndex index: LogIndex) { write(index.rawValue) }

    mutating func write(epoch: Epoch) {
        write(epoch.incarnation)
        write(epoch.term.rawValue)
    }

    mutating func write(texts: [String]) { write(array: texts) { $0.write($1) } }
    mutating func write(nodeIDs: [NodeID]) { write(array: nodeIDs) { $0.write(nodeID: $1) } }

    mutating func write(scope: IdempotencyScope) {
        write(scope.principal.rawValue)
        write(scope.method)
        write(scope.key)
        write(raw: scope.requestHash.bytes)
    }
}

extension ByteReader {
    mutating func time() throws(DecodingFault) -> Timestamp { Timestamp(rawValue: try signed()) }

    mutating func span() throws(DecodingFault) -> TimeSpan {
        TimeSpan(milliseconds: try signed())
    }

    mutating func principalID() throws(DecodingFault) -> PrincipalID { PrincipalID(try string()) }
    mutating func nodeID() throws(DecodingFault) -> NodeID { NodeID(try unsigned()) }
    mutating func logIndex() throws(DecodingFault) -> LogIndex { LogIndex(try unsigned()) }

    mutating func shardID() throws(DecodingFault) -> ShardID {
        let number = try unsigned()
        guard number < UInt64(ShardID.countMax) else { throw fault("a shard above 1023") }
        return ShardID(UInt16(number))
    }

    mutating func number32() throws(DecodingFault) -> UInt32 {
        guard let number = UInt32(exactly: try unsigned()) else {
            throw fault("a number has more than 32 bits")
        }
        return number
    }

    mutating func epoch() throws(DecodingFault) -> Epoch {
        Epoch(incarnation: try unsigned(), term: Term(try unsigned()))
    }

    mutating func role() throws(DecodingFault) -> Role {
        guard let role = Role(rawValue: try byte()) else { throw fault("an unknown role") }
        return role
    }

    mutating func digest() throws(DecodingFault) -> SHA256Digest {
        guard let digest = SHA256Digest(bytes: Array(try raw(32))) else {
            throw fault("a digest has 32 bytes")
        }
        return digest
    }

    mutating func texts() throws(DecodingFault) -> [String] {
        try array { reader throws(DecodingFault) in try reader.string() }
    }

    mutating func nodeIDs() throws(DecodingFault) -> [NodeID] {
        try array { reader throws(DecodingFault) in try reader.nodeID() }
    }

    mutating func scope() throws(DecodingFault) -> IdempotencyScope {
        IdempotencyScope(
            principal: try principalID(),
            method: try string(),
            key: try string(),
            requestHash: try digest()
        )
    }
}
