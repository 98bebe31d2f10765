import CaseProtocol
import ClusterPrimitives
import NIOCore
import RPC

/// `casecluster.v1.Cluster/Load`: the figures of this node that `casectl cluster top` shows.
struct LoadService: Sendable {
    let context: ServiceContext
    let health: NodeHealth

    func register(in router: inout RPCRouter) {
        router.unary(
            "/\(ClusterService.name)/Load",
            PBLoadRequest.self,
            PBLoadResponse.self,
            calling: load
        )
    }

    @Sendable
    private func load(_ request: PBLoadRequest, _ reply: MessageReply<PBLoadResponse>) {
        context.answering(reply) { [health] actor throws(WireError) in
            guard actor.role == .admin else { throw .forbidden(actor.role, needs: "an admin") }
            guard let sources = health.sources else { throw .notFounded }
            // A Task, for it waits for the replicas; asked once a second by whoever looks.
            Task {
                do {
                    reply.complete(try await sources.load())
                } catch {
                    reply.fail(RPCStatus(.cancelled, "the node stops"))
                }
            }
        }
    }
}

extension MetricSources {
    /// The same figures as `/metrics`, those that a person looks at.
    func load() async throws -> PBLoadResponse {
        let groups = try await context.figures()
        let (commit, sync) = (meters.commit.value, meters.logSync.value)
        let process = ProcessFigures(dataDirectory: dataDirectory)
        let now = NodeMeters.now()
        return PBLoadResponse.with {
            $0.nodeID = context.node.rawValue
            $0.clockNs = now
            $0.uptimeMs = UInt64(max(0, Double(SystemClock.wall().rawValue) - startedAt * 1_000))
            $0.objections = health.objections
            $0.calls = meters.calls.all.reduce(0) { $0 + $1.method.ended.value.count }
            $0.callsOpen = meters.calls.open
            $0.connections = UInt64(connections())
            $0.commands = meters.proposed.value
            $0.commits = commit.count
            $0.commitNs = commit.nanoseconds
            $0.syncs = sync.count
            $0.syncNs = sync.nanoseconds
            $0.logBytes = UInt64(log.segmentsKnown * log.segmentBytesEach)
            $0.diskFreeBytes = process.diskFreeBytes
            $0.diskSizeBytes = process.diskSizeBytes
            $0.residentBytes = process.residentBytes
            $0.processorMs = UInt64(process.processorSeconds * 1_000)
            $0.groups = groups.map(PBGroupLoad.init)
        }
    }
}

extension PBGroupLoad {
    init(_ figures: GroupFigures) {
        self.init()
        let status = figures.status
        group = status.group.rawValue
        leader = status.lead.rawValue
        leads = figures.isReady && status.lead == status.id
        term = status.term.rawValue
        commitIndex = status.commit.rawValue
        appliedIndex = status.applied.rawValue
        lags = figures.lags.map { lag in
            PBMemberLag.with {
                $0.nodeID = lag.node.rawValue
                $0.entries = lag.entries
            }
        }
        storeBytes = figures.storeBytes + figures.storeWALBytes
        silentMs = figures.silentMilliseconds ?? -1
    }
}
