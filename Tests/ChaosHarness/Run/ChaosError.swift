/// Why a run could not be held.
enum ChaosError: Error, CustomStringConvertible {
    /// No node has the first admin's token.
    case noToken
    /// Namespaces were asked for, and this process may not make any.
    case noNamespaces
    /// The cluster does not serve although nothing is wrong with it.
    case noService(String)

    var description: String {
        switch self {
        case .noNamespaces: "network namespaces need root and iproute2"
        case .noToken: "no node wrote the first admin's token"
        case .noService(let what): "the healed cluster does not serve: \(what)"
        }
    }
}
