import Foundation
import Glibc
import ProcessSupport

/// A network namespace for each node, joined to this one by a pair of virtual interfaces: hosts with addresses of
/// their own, from which nothing else can be reached. Needs root, and `ip` of iproute2.
///
/// Calls to another node go to this side's end of that node's pair, where the proxy listens.
struct NamespaceSite: Site {
    /// The command could not be carried out.
    struct Failure: Error, CustomStringConvertible {
        let command: String
        let status: Int32
        var description: String { "'\(command)' ended with \(status)" }
    }

    private static let tool = "/usr/sbin/ip"
    /// Tells runs on one machine apart, in names and in addresses.
    private let run: Int
    private let made = Locked<Set<UInt64>>([])
    let needsTLS = true
    let summary = "network namespaces"

    /// Runs on one machine at most, those included that were killed and have left their namespaces behind.
    static let runsMax = 128
    private static let directory = "/run/netns"

    /// Nil where this process may not make any, or all numbers are taken.
    init?() {
        guard geteuid() == 0, access(Self.tool, X_OK) == 0 else { return nil }
        // The directory comes with the machine's first namespace.
        let known = (try? FileManager.default.contentsOfDirectory(atPath: Self.directory)) ?? []
        let numbers = (0..<Self.runsMax).map { 64 + (Int(getpid()) + $0) % Self.runsMax }
        let free = numbers.first { number in
            !known.contains { $0.hasPrefix("chaos\(number)-") }
        }
        guard let free else { return nil }
        run = free
        // Held for as long as the run: it says that the number is taken.
        do { try Self.ip("netns add \(name(0))") } catch { return nil }
        made.withLock { _ = $0.insert(0) }
    }

    private func name(_ node: UInt64) -> String { "chaos\(run)-\(node)" }
    private func link(_ node: UInt64) -> String { "ch\(run)-\(node)" }
    private func near(_ node: UInt64) -> String { "10.\(run).\(node).1" }

    func prepare(_ node: UInt64) throws {
        guard made.withLock({ $0.insert(node).inserted }) else { return }
        let (name, link) = (name(node), link(node))
        try Self.ip("netns add \(name)")
        try Self.ip("link add \(link) type veth peer name eth0 netns \(name)")
        try Self.ip("address add \(near(node))/24 dev \(link)")
        try Self.ip("link set \(link) up")
        try Self.ip("-n \(name) address add \(host(node))/24 dev eth0")
        try Self.ip("-n \(name) link set lo up")
        try Self.ip("-n \(name) link set eth0 up")
        try Self.ip("-n \(name) route add default via \(near(node))")
    }

    func wrapper(_ node: UInt64) -> [String] { [Self.tool, "netns", "exec", name(node)] }
    func host(_ node: UInt64) -> String { "10.\(run).\(node).2" }

    func peerAddress(_ node: UInt64) -> Proxy.Address {
        Proxy.Address(host: near(node), port: SitePorts.peers)
    }

    /// The first node of a position has given it its address, and keeps it.
    func clientAddress(slot: Int) -> Proxy.Address {
        Proxy.Address(host: near(UInt64(slot + 1)), port: SitePorts.clients)
    }

    func tearDown() {
        for node in made.withLock({ $0 }) {
            do {
                // The pair goes with the namespace.
                try Self.ip("netns delete \(name(node))")
            } catch {
                FileHandle.standardError.write(Data("left behind: \(name(node)): \(error)\n".utf8))
            }
        }
    }

    private static func ip(_ words: String) throws {
        var options = ChildProcess.Options(tool, words.split(separator: " ").map(String.init))
        options.errors = ChildProcess.nowhere
        let status = try ChildProcess.run(options)
        guard status == 0 else { throw Failure(command: "ip \(words)", status: status) }
    }
}
