import CaseModel
import CaseProtocol
import ClusterPrimitives
import CoordinatorCore
import RPC
import RaftCore
import Synchronization

/// `casecluster.v1.Cluster`: state and settings.
struct ClusterService: Sendable {
    static let name = "casecluster.v1.Cluster"
    /// Nights on a page where the caller does not say.
    static let nightsDefault = 10
    /// Nights on a page, at most.
    static let nightsMax = 100

    let context: ServiceContext
    let node: NodeID
    let log: LogWriter
    let startedAt: Int64
    /// Asks other nodes; nil on one that can have none.
    let calls: PeerCalls?

    func register(in router: inout RPCRouter) {
        router.unary(path("Status"), PBStatusRequest.self, PBStatusResponse.self, calling: status)
        router.unary(
            path("GetSettings"),
            PBGetSettingsRequest.self,
            PBGetSettingsResponse.self,
            calling: getSettings
        )
        router.unary(
            path("SetSetting"),
            PBSetSettingRequest.self,
            PBSetSettingResponse.self,
            calling: setSetting
        )
        router.unary(path("Nights"), PBNightsRequest.self, PBNightsResponse.self, calling: nights)
        ChecksumService(context: context).register(in: &router)
        NodesService(context: context, calls: calls).register(in: &router)
    }

    private func path(_ method: String) -> String { "/\(Self.name)/\(method)" }

    private func asStaff<Response>(
        _ reply: MessageReply<Response>,
        _ body: @escaping @Sendable () throws(WireError) -> Void
    ) {
        context.answering(reply) { actor throws(WireError) in
            guard actor.role != .requester else {
                throw .forbidden(actor.role, needs: "staff or an admin")
            }
            try body()
        }
    }

    // MARK: Status

    @Sendable
    private func status(_ request: PBStatusRequest, _ reply: MessageReply<PBStatusResponse>) {
        asStaff(reply) { () throws(WireError) in gatherStatus(reply) }
    }

    private func gatherStatus(_ reply: MessageReply<PBStatusResponse>) {
        let gather = StatusGather(count: context.shards.count + 1) { [self] groups in
            log.segmentBytes { bytes in
                reply.complete(response(groups, logBytes: bytes))
            }
        }
        let now = context.clock.now()
        let system = context.system
        system.replica.status { status in
            var group = PBGroupStatus(status)
            group.time = system.machine.time.rawValue
            group.checkpointIndex = system.replica.checkpointIndex.rawValue
            gather.take(group)
        }
        for shard in context.shards {
            guard let replica = shard.local else {
                gather.take(PBGroupStatus(elsewhere: shard, in: system.machine.state))
                continue
            }
            replica.status { status in
                var group = PBGroupStatus(status)
                let state = replica.machine.store.state
                group.time = max(state.shardTime, now).rawValue
                group.checkpointIndex = replica.checkpointIndex.rawValue
                group.casesByStatus = CaseStatus.allCases.map { state.count($0) }
                gather.take(group)
            }
        }
    }

    private func response(_ groups: [PBGroupStatus], logBytes: UInt64) -> PBStatusResponse {
        let state = context.system.machine.state
        return PBStatusResponse.with {
            $0.clusterID = Hex.encode(state.cluster?.id ?? [])
            $0.nodeID = node.rawValue
            $0.nodes = state.activeMembers.map { member in
                PBNodeStatus.with {
                    $0.nodeID = member.id.rawValue
                    $0.address = context.clientAddress(of: member.id) ?? ""
                    $0.peerAddress = member.peerAddress
                    $0.alive = context.isAlive(member.id)
                }
            }
            $0.groups = groups.sorted { $0.group < $1.group }
            $0.coordinator = context.system.replica.leadership.leader?.rawValue ?? 0
            $0.incarnation = state.cluster?.incarnation ?? 0
            $0.version = NodeVersion.text
            $0.shardCount = UInt32(context.shards.count)
            $0.directoryVersion = state.directoryVersion
            $0.logBytes = logBytes
            $0.uptimeMs = UInt64(max(0, SystemClock.monotonicMilliseconds() - startedAt))
        }
    }

    // MARK: Settings

    @Sendable
    private func getSettings(
        _ request: PBGetSettingsRequest,
        _ reply: MessageReply<PBGetSettingsResponse>
    ) {
        asStaff(reply) { () throws(WireError) in
            context.system.read { [context] failure in
                if let failure { return reply.fail(RPCStatus(context.wireError(failure))) }
                let settings = context.system.machine.state.settings
                reply.complete(
                    PBGetSettingsResponse.with {
                        $0.settings = ClusterSettings.descriptions
                            .map { PBSetting($0, in: settings) }
                            .sorted { $0.name < $1.name }
                    }
                )
            }
        }
    }

    @Sendable
    private func setSetting(
        _ request: PBSetSettingRequest,
        _ reply: MessageReply<PBSetSettingResponse>
    ) {
        context.answering(reply) { [self] actor throws(WireError) in
            guard !request.name.isEmpty else {
                throw WireError(RequestFault("name", "is required"))
            }
            if request.name == "zone" { try checkZone(request.value) }
            var plain = request
            plain.idempotencyKey = ""
            let scope = try context.scope(
                actor,
                method: path("SetSetting"),
                key: request.idempotencyKey,
                request: plain
            )
            let command = SystemCommand.setSettings([NamedValue(request.name, request.value)])
            context.proposeSystem(command, by: actor, scope: scope) { [context] result in
                switch result {
                case .failure(let error): reply.fail(RPCStatus(error))
                case .success:
                    let settings = context.system.machine.state.settings
                    let row = ClusterSettings.descriptions.first { $0.name == request.name }
                    reply.complete(
                        PBSetSettingResponse.with {
                            if let row { $0.setting = PBSetting(row, in: settings) }
                        }
                    )
                }
            }
        }
    }

    private func checkZone(_ name: String) throws(WireError) {
        guard name.isEmpty || ZoneFiles.rules(named: name) != nil else {
            throw WireError(RequestFault("zone", "this node's zone database does not have it"))
        }
    }

    @Sendable
    private func nights(_ request: PBNightsRequest, _ reply: MessageReply<PBNightsResponse>) {
        asStaff(reply) { () throws(WireError) in
            guard request.count <= Self.nightsMax else {
                throw WireError(RequestFault("count", "must be at most \(Self.nightsMax)"))
            }
            let count = request.count == 0 ? Self.nightsDefault : Int(request.count)
            context.system.read { [context] failure in
                if let failure { return reply.fail(RPCStatus(context.wireError(failure))) }
                let nights = context.system.machine.state.nights.suffix(count).reversed()
                reply.complete(PBNightsResponse.with { $0.nights = nights.map(PBNight.init) })
            }
        }
    }
}

extension PBNight {
    init(_ night: NightRecord) {
        self.init()
        number = night.number
        boundary = night.boundary.rawValue
        shardsDone = UInt32(night.shardsDone.count)
        finished = night.finishedAt != nil
    }
}

extension PBGroupStatus {
    init(_ status: RaftStatus) {
        self.init()
        group = status.group.rawValue
        leader = status.lead.rawValue
        term = status.term.rawValue
        commitIndex = status.commit.rawValue
        appliedIndex = status.applied.rawValue
        voters = status.configuration.voters.voters.map(\.rawValue)
        learners = status.configuration.learners.map(\.rawValue)
        held = true
    }

    /// A shard that this node has no replica of, as the shard map has it.
    init(elsewhere shard: GroupRoute<ShardMachine>, in state: SystemState) {
        self.init()
        group = shard.group.rawValue
        leader = shard.leader?.rawValue ?? 0
        guard let placement = state.placement(of: shard.shard) else { return }
        voters = placement.voters.sorted().map(\.rawValue)
        learners = placement.learners.map(\.rawValue)
    }
}

extension PBSetting {
    init(_ row: ClusterSettings.Description, in settings: ClusterSettings) {
        self.init()
        name = row.name
        value = settings.value(of: row.name) ?? ""
        defaultValue = row.defaultValue
        description_p = "\(row.purpose) Takes \(row.form)."
    }
}

/// Collects the groups' states.
private final class StatusGather: Sendable {
    private let state: Mutex<(groups: [PBGroupStatus], missing: Int)>
    private let reply: @Sendable ([PBGroupStatus]) -> Void

    init(count: Int, reply: @escaping @Sendable ([PBGroupStatus]) -> Void) {
        state = Mutex(([], count))
        self.reply = reply
    }

    func take(_ group: PBGroupStatus) {
        let all: [PBGroupStatus]? = state.withLock { state in
            state.groups.append(group)
            state.missing -= 1
            return state.missing == 0 ? state.groups : nil
        }
        if let all { reply(all) }
    }
}
