import ClusterPrimitives
import Synchronization

/// An end of a link.
enum Party: Hashable, Sendable, CustomStringConvertible {
    /// The position of a node.
    case node(Int)
    /// All clients.
    case clients

    var description: String {
        switch self {
        case .node(let slot): "node \(slot + 1)"
        case .clients: "clients"
        }
    }
}

/// What one direction between two parties does to bytes. Safe from any thread.
final class Link: Sendable {
    /// How a link is.
    struct Quality: Hashable, Sendable {
        /// Milliseconds that every byte is late.
        var delay = 0
        /// Milliseconds that a piece may be late on top, drawn for each.
        var jitter = 0
        /// Of so many pieces in a hundred the first sending is lost.
        var lossPercent = 0
    }

    /// What becomes of a piece of bytes.
    enum Fate: Equatable {
        /// It arrives so many milliseconds late.
        case late(milliseconds: Int)
        /// Its connection is reset.
        case reset
    }

    /// How long a lost piece takes to be sent again, in milliseconds: what Linux' TCP waits at least, and
    /// what a few losses in a row make of it.
    static let resendMilliseconds = 200...1_200
    /// Of so many lost pieces one resets the connection.
    static let resetsPerLoss = 8

    private struct State {
        /// Faults that hold it cut.
        var cuts: Set<Int> = []
        var qualities: [Int: Quality] = [:]
        var random: SeededGenerator
    }

    private let state: Mutex<State>

    init(seed: UInt64) { state = Mutex(State(random: SeededGenerator(seed: seed))) }

    /// Nothing passes.
    var isCut: Bool { state.withLock { !$0.cuts.isEmpty } }

    func cut(by fault: Int) { state.withLock { _ = $0.cuts.insert(fault) } }

    func mend(by fault: Int) {
        state.withLock {
            $0.cuts.remove(fault)
            $0.qualities[fault] = nil
        }
    }

    func heal() {
        state.withLock {
            $0.cuts = []
            $0.qualities = [:]
        }
    }

    func worsen(_ quality: Quality, by fault: Int) {
        state.withLock { $0.qualities[fault] = quality }
    }

    /// Draws what becomes of the next piece.
    func fate() -> Fate {
        state.withLock { state in
            guard !state.qualities.isEmpty else { return .late(milliseconds: 0) }
            var late = 0
            for quality in state.qualities.values {
                late += quality.delay
                if quality.jitter > 0 {
                    late += Int.random(in: 0...quality.jitter, using: &state.random)
                }
                guard Int.random(in: 0..<100, using: &state.random) < quality.lossPercent else {
                    continue
                }
                if Int.random(in: 0..<Self.resetsPerLoss, using: &state.random) == 0 {
                    return .reset
                }
                late += Int.random(in: Self.resendMilliseconds, using: &state.random)
            }
            return .late(milliseconds: late)
        }
    }
}

/// All links between nodes, and between clients and nodes.
final class Fabric: Sendable {
    private let links: [Pair: Link]
    private struct Pair: Hashable { let from: Party, to: Party }

    /// The seed is of what links draw by themselves.
    init(nodes: Int, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let parties = (0..<nodes).map { Party.node($0) } + [.clients]
        var links: [Pair: Link] = [:]
        for from in parties {
            for to in parties where from != to {
                links[Pair(from: from, to: to)] = Link(seed: random.next())
            }
        }
        self.links = links
    }

    /// The direction from one to the other; nil from a party to itself.
    func link(_ from: Party, _ to: Party) -> Link? { links[Pair(from: from, to: to)] }

    /// Both directions between two.
    func both(_ one: Party, _ other: Party) -> [Link] {
        [link(one, other), link(other, one)].compactMap { $0 }
    }

    var all: [Link] { Array(links.values) }
}
