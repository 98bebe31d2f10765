import CaseClient
import ClusterPrimitives
import Foundation
import Glibc
import NIOCore
import NIOPosix
import ProcessSupport

/// Real nodes on hosts of their own, with a proxy between all of them, clocks and disks that can be meddled with.
final class ChaosCluster: Sendable {
    /// What nodes are started with beside their names: small enough that logs roll, checkpoints complete and
    /// followers need snapshots all the time.
    static let nodeArguments = [
        "--log-segment-bytes", "262144", "--checkpoint-entries", "64",
        "--retained-log-bytes", "65536",
        // On loopback all nodes would want the same port for it.
        "--operations-listen-port", "off",
    ]
    /// A node that does not come to listen in this time counts as lost. Far above what a start takes under load.
    static let startLimit = Duration.seconds(90)
    /// Between two looks at something that gives no sign by itself.
    static let pollInterval = Duration.milliseconds(100)
    /// Exit code of a node whose disk failed it.
    static let diskFailedExit: Int32 = 74
    /// From a failed sync to the node's end, at most: it may be stopped just then.
    static let failedSyncLimit = Duration.seconds(30)
    /// How often one position is started again after its node had ended by itself.
    static let restartsMax = 20
    /// Exit code of a node that finds its log or a store damaged.
    static let damagedExit: Int32 = 65

    let directory: TemporaryDirectory
    let site: any Site
    let fabric: Fabric
    let proxy: Proxy
    let slots: [Slot]
    let plan: FaultPlan
    let journal: Journal
    private let group: MultiThreadedEventLoopGroup
    let clocks: [FakeClock]
    let disks: [NodeDisk]
    let libraries: Libraries
    let options: ChaosOptions
    /// Where hosts are not loopback, nothing goes without TLS.
    let certificates: Certificates?
    let members: String
    private let token = Locked("")
    private let nextNodeID: Locked<UInt64>

    struct Libraries: Sendable {
        let source: Interposer.Library
        let disk: Interposer.Library
        let unsynced: Interposer.Library
    }

    init(_ options: ChaosOptions, plan: FaultPlan, journal: Journal) throws {
        self.options = options
        self.plan = plan
        self.journal = journal
        directory = try TemporaryDirectory()
        site = try Self.site(options.hosts)
        certificates = try site.needsTLS ? Certificates(directory: directory.path + "/tls") : nil
        fabric = Fabric(nodes: options.nodes, seed: options.seed)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        proxy = Proxy(fabric: fabric, group: group)
        slots = (0..<options.nodes).map { Slot(index: $0) }
        let start = Timestamp(rawValue: Int64(Date().timeIntervalSince1970 * 1_000))
        clocks = try slots.map { _ in try FakeClock(startingAt: start) }
        disks = try slots.map { [directory] in
            try NodeDisk(path: "\(directory.path)/disk-\($0.index + 1)")
        }
        libraries = try Libraries(
            source: Interposer.build("source"),
            disk: Interposer.build("disk"),
            unsynced: Interposer.build("unsynced")
        )
        members = (1...options.nodes).map { [site] id in
            let address = site.peerAddress(UInt64(id))
            return "\(id)=\(address.host):\(address.port)"
        }.joined(separator: ",")
        nextNodeID = Locked(UInt64(options.nodes + 1))
    }

    private static func site(_ hosts: ChaosHosts) throws -> any Site {
        switch hosts {
        case .loopback: return LoopbackSite()
        case .namespaces:
            guard let site = NamespaceSite() else { throw ChaosError.noNamespaces }
            return site
        case .best: return NamespaceSite() ?? LoopbackSite()
        }
    }

    // MARK: From the start to the end

    /// Starts all nodes together and waits until they are a cluster.
    func found() async throws {
        for slot in slots { try await connect(slot, clientsToo: true) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for slot in slots {
                group.addTask {
                    try self.begin(slot, after: 0)
                    guard let process = slot.process else { return }
                    try await process.untilItListens()
                }
            }
            try await group.waitForAll()
        }
        let paths = slots.map { dataDirectory($0.nodeID) + "/admin.token" }
        guard let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw ChaosError.noToken
        }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        token.withLock { $0 = text.trimmingCharacters(in: .whitespacesAndNewlines) }
    }

    /// Makes a node reachable: others' calls at its own address, clients' at its position's.
    private func connect(_ slot: Slot, clientsToo isFirst: Bool) async throws {
        let id = slot.nodeID
        try site.prepare(id)
        proxy.know(.node(slot.index), at: site.host(id))
        let own = { [site] port in Proxy.Address(host: site.host(id), port: port) }
        proxy.direct(site.peerAddress(id), to: own(SitePorts.peers))
        proxy.direct(site.clientAddress(slot: slot.index), to: own(SitePorts.clients))
        try await proxy.listen(for: slot.index, at: site.peerAddress(id))
        if isFirst {
            try await proxy.listen(for: slot.index, at: site.clientAddress(slot: slot.index))
        }
    }

    /// Ends whatever runs, and takes everything away.
    func tearDown() async throws {
        for slot in slots {
            let process = slot.state.withLock { state in
                state.mayEnd = true
                state.isOver = true
                defer { state.process = nil }
                return state.process
            }
            await process?.kill()
        }
        try await proxy.close()
        try await group.shutdownGracefully()
        site.tearDown()
    }

    func dataDirectory(_ node: UInt64) -> String { "\(directory.path)/node-\(node)" }

    /// Waits; shorter when the run is being broken off.
    func pause(_ time: Duration) async {
        do { try await Task.sleep(for: time) } catch {
            // Cancelled: whoever waits goes on to undo what it did.
        }
    }

    // MARK: Clocks and disks

    func shiftClock(_ slot: Int, milliseconds: Int) throws {
        try clocks[slot].shift(milliseconds: Int64(milliseconds))
    }

    func setDisk(_ slot: Int, _ condition: NodeDisk.Condition) throws {
        let spoils = condition.isFull || condition.failsSyncs
        slots[slot].state.withLock { state in
            state.hasDiskFault = spoils
            if spoils { state.hadDiskFault = true }
        }
        try disks[slot].set(condition)
    }

    // MARK: Clients

    var adminToken: String { token.withLock { $0 } }

    /// A client of all positions that begins with one of them, or of that one alone.
    func client(
        token: String,
        first: Int = 0,
        alone: Bool = false,
        deadline: Duration = .seconds(4)
    ) throws -> CaseClient {
        let all = slots.map { slot in
            let address = site.clientAddress(slot: slot.index)
            return CaseEndpoint(host: address.host, port: address.port)
        }
        let turned = Array(all[first...] + all[..<first])
        return try CaseClient(
            CaseClientConfiguration(
                endpoints: alone ? [all[first]] : turned,
                security: certificates.map { .tls(roots: $0.roots) } ?? .plaintext,
                token: token,
                deadline: deadline,
                attemptDeadline: .milliseconds(1_500),
                followsLeaders: !alone
            )
        )
    }

    // MARK: Replacing a node

    func takeNodeID() -> UInt64 {
        nextNodeID.withLock { next in
            defer { next += 1 }
            return next
        }
    }

    /// Gives a position to a new node, which the cluster was told of.
    func replace(_ slot: Slot, by id: UInt64, _ added: AddedNode) async throws {
        let lost = slot.nodeID
        let others = added.nodes.filter { $0.nodeID != lost }
            .map { "\($0.nodeID)=\($0.peerAddress)" }.joined(separator: ",")
        slot.state.withLock { state in
            state.nodeID = id
            state.joining = ["--cluster-id", added.clusterID, "--join", others]
        }
        try await connect(slot, clientsToo: false)
    }

    func forgetDisk(of node: UInt64) throws {
        try FileManager.default.removeItem(atPath: dataDirectory(node))
    }
}
