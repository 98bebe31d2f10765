import CaseProtocol

/// Nodes that come and go. Needs an admin.
extension CaseClient {
    /// Takes a node into the cluster, which then gives it what it should hold by itself. Repeats without harm.
    /// - Parameters:
    ///   - id: the new node's, which no node of the cluster ever had.
    ///   - peerAddress: where the others will reach it, as `host:port`.
    ///   - replacing: a node whose replicas it takes over, and that is then removed for good; 0 for none.
    ///   - options: deadline and token of this call.
    /// - Returns: what the new node has to be told.
    /// - Throws: `alreadyExists` for an id or an address that is taken; `failedPrecondition` where the answering
    ///   node can't speak to others.
    @discardableResult
    public func addNode(
        _ id: UInt64,
        peerAddress: String,
        replacing: UInt64 = 0,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> AddedNode {
        var request = PBAddNodeRequest()
        request.nodeID = id
        request.peerAddress = peerAddress
        request.replaces = replacing
        // Repeated it changes nothing, so it needs no key; unlike a read's its outcome may be unknown.
        return try await command(
            "/casecluster.v1.Cluster/AddNode",
            request,
            AddedNode.self,
            key: nil,
            options
        )
    }

    /// How far a node has come in what it should hold.
    /// - Throws: `notFound` for who is no member, or was removed.
    public func nodeProgress(
        _ id: UInt64,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> NodeProgress {
        var request = PBNodeProgressRequest()
        request.nodeID = id
        return try await read(
            "/casecluster.v1.Cluster/NodeProgress",
            request,
            NodeProgress.self,
            options
        )
    }
}
