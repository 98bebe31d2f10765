import Glibc
import Synchronization

/// Below the numbers that the kernel gives to outgoing connections (32,768 and up): those may be taken between
/// the look and the moment when somebody listens.
private let candidates = 12_000..<32_000

/// Ports that were handed out: never twice by one process.
private let handedOut = Mutex<Set<Int>>([])

/// A port of loopback that nobody listens on now, and that no outgoing connection will take.
package func freePort() -> Int {
    for _ in candidates {
        let port = Int.random(in: candidates)
        let isNew = handedOut.withLock { $0.insert(port).inserted }
        if isNew, isFree(port) { return port }
    }
    preconditionFailure("no port of loopback is free")
}

private func isFree(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    address.sin_port = in_port_t(port).bigEndian
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, length) == 0
        }
    }
}
