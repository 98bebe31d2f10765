/// Where probes and metrics are served.
public enum OperationsPort: Equatable, Sendable, LosslessStringConvertible {
    /// `offset` above the port of clients. Taken by somebody else, the node says so and serves without.
    case derived
    /// Nowhere.
    case off
    /// On this port; 0 takes a free one. Taken by somebody else, the node does not start.
    case port(Int)

    /// How far above the clients' port the derived one is: 7490 beside 7400, and a distance at which nodes that
    /// share a machine on neighbouring ports don't meet.
    public static let offset = 90

    /// Reads `derived`, `off` or a port.
    public init?(_ text: String) {
        switch text {
        case "derived": self = .derived
        case "off": self = .off
        default:
            guard let port = Int(text), (0...65_535).contains(port) else { return nil }
            self = .port(port)
        }
    }

    /// As it is read.
    public var description: String {
        switch self {
        case .derived: "derived"
        case .off: "off"
        case .port(let port): String(port)
        }
    }
}

extension NodeConfiguration {
    /// The port that probes and metrics are served on: 0 for any free one, nil for none.
    public var operationsPort: Int? {
        switch operationsListenPort {
        case .off: return nil
        case .port(let port): return port
        case .derived:
            // Whoever lets the system choose one port does with any other.
            guard listenPort > 0 else { return 0 }
            let port = listenPort + OperationsPort.offset
            return port <= 65_535 ? port : listenPort - OperationsPort.offset
        }
    }
}
