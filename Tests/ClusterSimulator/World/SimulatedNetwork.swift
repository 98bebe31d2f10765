import ClusterPrimitives

/// Who hears whom, and what becomes of a message on its way: a pure decision, the world carries it out.
///
/// Endpoints are numbers: nodes by their id, clients from `clientsFrom` on.
struct SimulatedNetwork {
    /// The first endpoint of a client.
    static let clientsFrom: UInt64 = 1 << 32

    private let options: NetworkOptions
    private var isHealed = false
    /// Directed links that carry nothing.
    private var cut: Set<Link> = []

    /// What goes over one connection: they can fail apart.
    enum Channel: CaseIterable {
        /// Replicas' messages.
        case replicas
        /// Calls, snapshots, clients.
        case calls
    }

    private struct Link: Hashable {
        let from: UInt64
        let to: UInt64
        let channel: Channel
    }

    init(_ options: NetworkOptions) { self.options = options }

    /// Cuts one direction.
    mutating func cutLink(_ from: UInt64, _ to: UInt64, _ channels: [Channel]) {
        for channel in channels { cut.insert(Link(from: from, to: to, channel: channel)) }
    }

    /// Opens all links.
    mutating func openAll() { cut = [] }

    /// From here on nothing is lost, repeated or late.
    mutating func heal() {
        isHealed = true
        cut = []
    }

    /// After how many microseconds each copy of a message arrives; none if it is lost.
    func fate(
        _ from: UInt64,
        _ to: UInt64,
        _ channel: Channel,
        _ random: inout SeededGenerator,
        _ coverage: inout Coverage
    ) -> [Int64] {
        let delay = Int64.random(in: options.delay, using: &random)
        guard !isHealed else { return [delay] }
        guard !cut.contains(Link(from: from, to: to, channel: channel)) else { return [] }
        func happens(_ perMille: Int) -> Bool {
            perMille > 0 && Int.random(in: 0..<1_000, using: &random) < perMille
        }
        if happens(options.dropPerMille) {
            coverage[.droppedMessage] += 1
            return []
        }
        var arrivals = [delay]
        if happens(options.delayPerMille) {
            coverage[.delayedMessage] += 1
            arrivals = [Int64.random(in: 0...options.longDelay, using: &random)]
        }
        if happens(options.duplicatePerMille) {
            coverage[.duplicatedMessage] += 1
            arrivals.append(Int64.random(in: 0...options.longDelay, using: &random))
        }
        return arrivals
    }
}
