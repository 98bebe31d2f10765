import CaseProtocol
import ClusterPrimitives
import RPC

/// A request about one case: the case's id says which shard to ask.
protocol CaseBound {
    var caseID: String { get }
}

extension PBExecuteRequest: CaseBound {}
extension PBGetRequest: CaseBound {}
extension PBHistoryRequest: CaseBound {}
extension PBVerifyRequest: CaseBound {}
extension PBGetRawRequest: CaseBound {}

extension CaseBound {
    /// The shard; nil for what is no id, which the server says better.
    var shard: ShardID? {
        do { return try CaseID(parsing: caseID).shard } catch { return nil }
    }
}

/// Which node led which shard when it was last heard of: learned from answers, never asked for. A value.
///
/// Wrong entries cost a hop: the node that is asked names the leader.
struct ShardLeaders {
    /// Beside an answer: the leader's address, if another node gave the answer.
    static let trailer = "casecluster-leader"
    /// Asks a node to name the leader rather than to pass the call on.
    static let followHeader: RPCMetadata = ["casecluster-follow": "1"]

    private var known: [ShardID: CaseEndpoint] = [:]

    subscript(shard: ShardID) -> CaseEndpoint? { known[shard] }

    /// At most as many entries as there can be shards: an id has no more.
    mutating func learn(_ shard: ShardID, _ endpoint: CaseEndpoint) { known[shard] = endpoint }

    /// The node at that address did not answer: whatever it led, somebody else leads or will.
    mutating func forget(_ endpoint: CaseEndpoint) {
        known = known.filter { $0.value != endpoint }
    }
}
