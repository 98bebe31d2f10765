import CaseProtocol

/// The cluster itself, and contacts from channels.
extension CaseClient {
    /// What the answering node knows of the cluster.
    public func clusterStatus(
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> ClusterStatus {
        try await read(
            "/casecluster.v1.Cluster/Status",
            PBStatusRequest(),
            ClusterStatus.self,
            options
        )
    }

    /// What the answering node itself does and has: counters, sizes, its replicas. Needs an admin.
    public func nodeLoad(
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> NodeLoad {
        try await read(
            "/casecluster.v1.Cluster/Load",
            PBLoadRequest(),
            NodeLoad.self,
            options
        )
    }

    /// What the answering node's own replicas hold: equal on all nodes at the same applied index. Needs
    /// an admin; reads every row.
    /// - Parameters:
    ///   - shards: of these; empty for all.
    ///   - options: deadline and token of this call.
    /// - Returns: by shard.
    /// - Throws: as every read.
    public func checksums(
        of shards: [UInt32] = [],
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> [ShardChecksum] {
        var request = PBChecksumsRequest()
        request.shards = shards
        return try await read(
            "/casecluster.v1.Cluster/Checksums",
            request,
            PBChecksumsResponse.self,
            options
        ).shards
    }

    /// All settings, sorted by name.
    public func settings(
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> [ClusterSetting] {
        try await read(
            "/casecluster.v1.Cluster/GetSettings",
            PBGetSettingsRequest(),
            PBGetSettingsResponse.self,
            options
        ).settings
    }

    /// Changes one setting and returns it.
    @discardableResult
    public func setSetting(
        _ name: String,
        to value: String,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> ClusterSetting {
        var request = PBSetSettingRequest()
        request.idempotencyKey = key(options)
        request.name = name
        request.value = value
        return try await command(
            "/casecluster.v1.Cluster/SetSetting",
            request,
            PBSetSettingResponse.self,
            key: request.idempotencyKey,
            options
        ).setting
    }

    /// Past and coming nights, the latest first; at most 100.
    public func nights(
        count: UInt32 = 10,
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> [ClusterNight] {
        var request = PBNightsRequest()
        request.count = count
        return try await read(
            "/casecluster.v1.Cluster/Nights",
            request,
            PBNightsResponse.self,
            options
        ).nights
    }

    /// Takes one contact in: it becomes a case, or a message on one.
    ///
    /// Its own key (Message-ID, chat id, call id) makes it safe to hand in again, so it takes no
    /// other.
    ///
    /// - Parameters:
    ///   - contact: its bytes, at most 4 MiB.
    ///   - queue: overrides the queue that the contact's address would choose.
    ///   - options: deadline and token of this call.
    /// - Returns: its case, and what was done the first time.
    /// - Throws: `invalid-argument` for what can't be read; never for what was taken before.
    public func submit(
        _ contact: IncomingContact,
        queue: String = "",
        options: CaseCallOptions = CaseCallOptions()
    ) async throws(CaseClientError) -> IntakeReceipt {
        var request = PBSubmitRequest()
        request.queue = queue
        request.contact = contact.wire
        return try await command(
            "/casecluster.v1.Intake/Submit",
            request,
            IntakeReceipt.self,
            key: nil,
            options
        )
    }
}
