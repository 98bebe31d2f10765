import Glibc
import NIOCore
import NIOPosix

/// The names of one connection's target, looked up where nothing else waits (`HostLookups`).
///
/// `@unchecked Sendable`: `question` is touched on the loop alone, where the library makes every call.
final class HostResolver: Resolver, @unchecked Sendable {
    private let v4: EventLoopPromise<[SocketAddress]>
    private let v6: EventLoopPromise<[SocketAddress]>
    private let lookups: HostLookups
    private var question: (id: UInt64, host: String, port: Int)?

    init(loop: any EventLoop, lookups: HostLookups = .shared) {
        v4 = loop.makePromise()
        v6 = loop.makePromise()
        self.lookups = lookups
    }

    /// The library asks for both; the system answers both at once, when asked for the other.
    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        v4.futureResult
    }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        let (v4, v6) = (v4, v6)
        let id = lookups.ask(host, port: port) { result in
            v6.completeWith(result.map(\.v6))
            v4.completeWith(result.map(\.v4))
        }
        question = (id, host, port)
        return v6.futureResult
    }

    func cancelQueries() {
        guard let question else { return }
        lookups.cancel(question.id, question.host, port: question.port)
        // Without effect where they have been answered.
        v6.fail(TransportError.closed)
        v4.fail(TransportError.closed)
    }
}

/// The system's own lookup; an address is its own name.
func systemLookup(
    _ host: String,
    _ port: Int
) -> Result<HostLookups.Addresses, any Error> {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_protocol = Int32(IPPROTO_TCP)
    var first: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &first)
    guard code == 0 else {
        let words = gai_strerror(code).map { String(cString: $0) } ?? "error \(code)"
        return .failure(TransportError.unreachable("\(host): \(words)"))
    }
    defer { freeaddrinfo(first) }
    var found = HostLookups.Addresses()
    var next = first
    while let info = next {
        if let address = info.pointee.ai_addr {
            switch info.pointee.ai_family {
            case AF_INET:
                address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    found.v4.append(SocketAddress($0.pointee, host: host))
                }
            case AF_INET6:
                address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    found.v6.append(SocketAddress($0.pointee, host: host))
                }
            default: break
            }
        }
        next = info.pointee.ai_next
    }
    return .success(found)
}
