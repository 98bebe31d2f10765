import CaseModel
import ClusterPrimitives
import CoordinatorCore
import RPC
import RaftCore
import ReplicaDriver

/// Where metrics come from: counters that are filled as things happen, and what is looked up when somebody asks.
struct MetricSources: Sendable {
    let meters: NodeMeters
    let context: ServiceContext
    let log: LogWriter
    let links: PeerLinks?
    let clocks: ClockExchange?
    let health: NodeHealth
    let connections: @Sendable () -> Int
    let watches: @Sendable () -> Int
    let dataDirectory: String
    /// When the node started, in seconds since 1970.
    let startedAt: Double

    /// The page of `/metrics`.
    func page() async throws -> String {
        var page = MetricPage()
        let groups = try await context.figures()
        addNode(&page)
        for group in groups { add(group, &page) }
        addReplication(&page)
        addCommands(&page)
        addCalls(&page)
        addStorage(groups, &page)
        addCoordination(&page)
        addPeers(&page)
        addProcess(&page)
        return page.text
    }

    private func addNode(_ page: inout MetricPage) {
        let cluster = Hex.encode(context.system.machine.state.cluster?.id ?? [])
        page.add(.info, "\(context.node)", cluster, NodeVersion.text, value: 1)
        page.add(.ready, value: health.objections.isEmpty ? 1 : 0)
        page.add(.loopDelay, histogram: meters.loopDelay.value)
    }

    private func add(_ group: GroupFigures, _ page: inout MetricPage) {
        let (status, label) = (group.status, group.label)
        page.add(.groupLeader, label, value: status.lead.rawValue)
        let leads = group.isReady && status.lead == status.id
        page.add(.groupLeads, label, value: leads ? 1 : 0)
        page.add(.groupTerm, label, value: status.term.rawValue)
        page.add(.groupCommit, label, value: status.commit.rawValue)
        page.add(.groupApplied, label, value: status.applied.rawValue)
        page.add(.groupLast, label, value: status.lastIndex.rawValue)
        for (node, lag) in group.lags { page.add(.groupLag, label, "\(node)", value: lag) }
        if status.role == .leader {
            page.add(.groupUncommitted, label, value: status.uncommittedBytes)
        }
        let silence = group.silentMilliseconds.map { Double($0) / 1_000 } ?? -1
        page.add(.groupSilence, label, value: silence)
    }

    private func addReplication(_ page: inout MetricPage) {
        page.add(.leadershipChanges, value: meters.leadershipChanges.value)
        page.add(.snapshotsInstalled, value: meters.snapshotsInstalled.value)
        page.add(.snapshotsSent, "arrived", value: meters.snapshotsArrived.value)
        page.add(.snapshotsSent, "failed", value: meters.snapshotsFailed.value)
    }

    private func addCommands(_ page: inout MetricPage) {
        page.add(.proposed, value: meters.proposed.value)
        let failed = meters.failed
        for label in ReplicaFailure.labels { page.add(.failed, label, value: failed[label] ?? 0) }
        page.add(.commit, histogram: meters.commit.value)
        page.add(.apply, histogram: meters.apply.value)
        page.add(.appliedEntries, value: meters.applied.value)
    }

    private func addCalls(_ page: inout MetricPage) {
        for (path, method) in meters.calls.all {
            // Without its slash, as gRPC names a method.
            let name = String(path.dropFirst())
            for (code, counter) in method.codes.enumerated() where counter.value > 0 {
                page.add(
                    .callsEnded,
                    name,
                    "\(RPCStatusCode(rawValue: code))",
                    value: counter.value
                )
            }
            page.add(.callSeconds, name, histogram: method.ended.value)
        }
        page.add(.callsOpen, value: meters.calls.open)
        page.add(.connections, value: connections())
        page.add(.watches, value: watches())
    }

    private func addStorage(_ groups: [GroupFigures], _ page: inout MetricPage) {
        page.add(.logSync, histogram: meters.logSync.value)
        page.add(.logWrite, histogram: meters.logWrite.value)
        page.add(.logSegments, value: log.segmentsKnown)
        page.add(.logBytes, value: log.segmentsKnown * log.segmentBytesEach)
        page.add(.logFull, value: log.isFull ? 1 : 0)
        for group in groups {
            page.add(.storeBytes, group.label, value: group.storeBytes)
            page.add(.storeWAL, group.label, value: group.storeWALBytes)
            page.add(.checkpointIndex, group.label, value: group.checkpointIndex.rawValue)
            let age = Double(group.uncoveredMilliseconds) / 1_000
            page.add(.checkpointAge, group.label, value: age)
        }
        let led = groups.filter { $0.status.lead == $0.status.id && !$0.cases.isEmpty }
        for (index, status) in CaseStatus.allCases.enumerated() {
            page.add(.cases, status.label, value: led.reduce(0) { $0 + $1.cases[index] })
        }
    }

    private func addCoordination(_ page: inout MetricPage) {
        let state = context.system.machine.state
        let leader = context.system.replica.leadership.leader?.rawValue ?? 0
        page.add(.coordinator, value: leader)
        page.add(.incarnation, value: state.epoch.incarnation)
        page.add(.epochTerm, value: state.epoch.term.rawValue)
        page.add(.sweeps, "done", value: meters.sweepsTold.value)
        page.add(.sweeps, "failed", value: meters.sweepsFailed.value)
        page.add(.swept, value: meters.sweptCases.value)
        page.add(.lateness, histogram: meters.sweepLateness.value)
        let finished = state.nights.last { $0.finishedAt != nil }
        page.add(.nightsFinished, value: finished?.number ?? 0)
        page.add(.clockOffset, value: Double(clocks?.offset.milliseconds ?? 0) / 1_000)
        page.add(.clockBehind, value: Double(context.clock.alarm.milliseconds) / 1_000)
    }

    private func addPeers(_ page: inout MetricPage) {
        for peer in links?.figures ?? [] {
            page.add(.peerUp, "\(peer.node)", value: peer.isOpen ? 1 : 0)
            page.add(.peerSent, "\(peer.node)", value: peer.sentBytes)
            page.add(.peerConnects, "\(peer.node)", value: peer.opened)
            page.add(.peerDropped, "\(peer.node)", value: peer.dropped)
        }
    }

    private func addProcess(_ page: inout MetricPage) {
        let figures = ProcessFigures(dataDirectory: dataDirectory)
        page.add(.memory, value: figures.residentBytes)
        page.add(.processor, value: figures.processorSeconds)
        page.add(.descriptors, value: figures.openDescriptors)
        page.add(.descriptorsMax, value: figures.descriptorsMax)
        page.add(.startTime, value: startedAt)
        page.add(.diskFree, value: figures.diskFreeBytes)
        page.add(.diskSize, value: figures.diskSizeBytes)
    }
}
