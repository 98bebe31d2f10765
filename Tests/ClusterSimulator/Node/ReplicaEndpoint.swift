import CaseStore
import ClusterPrimitives
import RaftCore
import ReplicaDriver

/// A replica as the network and the timers see it.
protocol ReplicaEndpoint: AnyObject {
    var group: GroupID { get }
    var status: RaftStatus { get }
    var appliedIndex: LogIndex { get }
    var leadership: Leadership { get }
    func receive(_ message: Message)
    /// Where to write a snapshot that comes in; nil if one is coming in already.
    func beginSnapshot() -> String?
    func receivedSnapshot(_ message: Message, _ reply: @escaping (Bool) -> Void)
    func abandonSnapshot()
    func change(_ change: ConfigurationChange, _ reply: @escaping (ReplicaFailure?) -> Void)
    func transfer(to node: NodeID)
    /// Gives leadership to whoever is furthest.
    func handOver()
    func tick()
    /// Lets go of whoever waits for it: their closures hold the replica.
    func end()
    func checksum() throws(StoreError) -> SHA256Digest
}
