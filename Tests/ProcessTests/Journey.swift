import CaseClient
import ClusterPrimitives
import ProcessSupport
import Testing

/// Three nodes that travel through their days by a clock that jumps.
final class Journey {
    let token: String
    let agent: CaseClient
    let reader: CaseClient
    private let admin: CaseClient
    /// One of each node alone.
    private let each: [CaseClient]
    private let clock: FakeClock
    private var jumps = 0
    private var nightsSeen = 0
    private var latestClose = TimeSpan(milliseconds: 0)
    private var latestArchive = TimeSpan(milliseconds: 0)

    /// Default settings, but for the zone: the default one has no summer time.
    init(_ nodes: ThreeNodes, _ clock: FakeClock) async throws {
        self.clock = clock
        let token = try nodes.adminToken
        self.token = token
        each = try ThreeNodes.indices.map { try nodes.client(token: token, first: $0, alone: true) }
        admin = try nodes.client(token: token)
        _ = try await admin.setSetting("zone", to: CalendarTests.zone)
        agent = try await nodes.staff("anna", .agent, admin)
        reader = try await nodes.staff("sven", .supervisor, admin)
    }

    /// Ends it, and says what there was to see.
    func end() async -> String {
        for client in [admin, agent, reader] + each { await client.shutdown() }
        return """
            \(jumps) jumps, \(nightsSeen) nights; closed at most \(latestClose.milliseconds) ms after \
            the seven days, archived at most \(latestArchive.milliseconds) ms after the night began
            """
    }

    /// Lives through the nights before an instant, as far as jumps are short enough to see each.
    func nights(before end: Timestamp) async throws {
        guard CalendarTests.stepHours < 24 else { return }
        for night in CalendarTests.nights where night > clock.now && night < end {
            try await self.night(night)
        }
    }

    /// A night that begins at an instant and archives these cases, and no others.
    func night(_ begin: Timestamp, archives batches: [ResolvedCases] = []) async throws {
        try await travel(to: begin)
        // Whatever there is to see before it begins; on a busy machine that may be nothing.
        var last = try await admin.nights(count: 1).first
        while clock.now < begin {
            #expect(last?.boundary ?? 0 < begin.rawValue, "a night began early")
            for found in try await batches.first?.now(reader) ?? [] where clock.now < begin {
                #expect(found.status == .closed, "\(found.id) was archived before its night")
            }
            last = try await admin.nights(count: 1).first
        }
        while last?.boundary ?? 0 < begin.rawValue || last?.finished != true {
            last = try await admin.nights(count: 1).first
        }
        #expect(last?.boundary == begin.rawValue, "a night began at another time")
        nightsSeen += 1
        for batch in batches {
            for found in try await batch.now(reader) {
                #expect(found.status == .archived, "\(found.id) waits for another night")
                let late = TimeSpan(milliseconds: found.archivedAt - begin.rawValue)
                #expect(late.milliseconds >= 0 && late < CalendarTests.late, "\(found.id): \(late)")
                latestArchive = max(latestArchive, late)
            }
        }
    }

    /// The seven days of these cases end.
    func due(_ batch: ResolvedCases) async throws {
        try await travel(to: batch.firstDue)
        // Read one after the other: those that are not due yet must not be closed, whichever those are.
        for found in try await batch.now(reader) where found.status != .resolved {
            let before = try #require(batch.records[found.id])
            #expect(found.closedAt >= before.dueAt, "\(found.id) was closed early")
        }
        var found: [CaseRecord] = []
        repeat {
            found = try await batch.now(reader)
        } while found.contains { $0.status == .resolved }
        for found in found {
            let before = try #require(batch.records[found.id])
            #expect(found.status == .closed)
            let late = TimeSpan(milliseconds: found.closedAt - before.dueAt)
            #expect(late.milliseconds >= 0 && late < CalendarTests.late, "\(found.id): \(late)")
            latestClose = max(latestClose, late)
        }
    }

    /// Jumps to shortly before an instant, unless it is past. Each jump ends when all three nodes believe it.
    func travel(to instant: Timestamp) async throws {
        let end = Timestamp(rawValue: instant.rawValue - CalendarTests.lead.milliseconds)
        let step = TimeSpan(milliseconds: CalendarTests.stepHours * 3_600_000)
        while clock.now < end {
            let next = min(end, clock.now + step)
            try clock.jump(to: next)
            jumps += 1
            for node in each {
                while try await time(at: node) < next {}
            }
        }
    }

    private func time(at node: CaseClient) async throws -> Timestamp {
        Timestamp(rawValue: try await node.clusterStatus().groups.map(\.time).max() ?? 0)
    }
}
