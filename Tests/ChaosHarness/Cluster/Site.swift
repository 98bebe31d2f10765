import Foundation
import Glibc
import ProcessSupport

/// Where nodes live: addresses, and what runs a program there.
///
/// A node listens at addresses of its own host; everybody, other nodes included, reaches it at addresses
/// of the proxy. An address belongs to a node's id, and a replacement gets fresh ones; clients' belong to
/// its position.
protocol Site: Sendable {
    /// For the report.
    var summary: String { get }
    /// Nodes have to use TLS.
    var needsTLS: Bool { get }
    /// Makes the host of a node.
    func prepare(_ node: UInt64) throws
    /// What starts a program on a node's host; empty for nothing.
    func wrapper(_ node: UInt64) -> [String]
    /// A node's own address.
    func host(_ node: UInt64) -> String
    /// Where the proxy takes other nodes' calls for it.
    func peerAddress(_ node: UInt64) -> Proxy.Address
    /// Where the proxy takes clients' calls for a position.
    func clientAddress(slot: Int) -> Proxy.Address
    /// Takes all hosts away.
    func tearDown()
}

/// Ports that every node and the proxy listen at.
enum SitePorts {
    static let clients = 7_400
    static let peers = 7_411
}

/// One loopback address for each node, from which its calls come too. Needs no rights.
struct LoopbackSite: Site {
    /// Tells runs on one machine apart.
    private let run: Int
    let needsTLS = false
    let summary = "loopback addresses"

    init() { run = 10 + Int(getpid()) % 40 * 5 }

    func prepare(_ node: UInt64) throws {}
    func wrapper(_ node: UInt64) -> [String] { [] }
    func host(_ node: UInt64) -> String { "127.\(run).1.\(node)" }
    func peerAddress(_ node: UInt64) -> Proxy.Address {
        Proxy.Address(host: "127.\(run).2.\(node)", port: SitePorts.peers)
    }
    func clientAddress(slot: Int) -> Proxy.Address {
        Proxy.Address(host: "127.\(run).3.\(slot + 1)", port: SitePorts.clients)
    }
    func tearDown() {}
}
