import CaseProtocol
import Synchronization

/// `grpc.health.v1`: whether the server, or one of its services, takes calls.
///
/// The empty name stands for the server as a whole. Watchers hear of each change; one that does
/// not read hears of the last one only.
public final class HealthService: Sendable {
    /// Watchers at once; each holds a stream for as long as it likes.
    public static let watchersMax = 1_000

    private typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

    private struct Watcher {
        let service: String
        let call: ServerStreamCall
        var told: Status?
        var isBehind = false
    }

    private struct State {
        var statuses: [String: Bool] = [:]
        var watchers: [Int: Watcher] = [:]
        var nextWatcher = 0
        var isShutDown = false
    }

    private let state = Mutex(State())

    /// Knows no service yet.
    public init() {}

    /// Says whether a service takes calls; the empty name is the server.
    public func set(_ service: String, serving: Bool) {
        state.withLock { $0.statuses[service] = serving }
        tellWatchers()
    }

    /// Says that nothing takes calls any more, and ends the watches: the first step of a drain,
    /// which would wait for them otherwise.
    public func shutDown() {
        let watchers = state.withLock { state in
            state.isShutDown = true
            for service in state.statuses.keys { state.statuses[service] = false }
            defer { state.watchers = [:] }
            return state.watchers.sorted { $0.key < $1.key }.map(\.value)
        }
        for watcher in watchers {
            watcher.call.writer.write(Self.encode(.notServing))
            watcher.call.writer.finish(RPCStatus(.unavailable, "the server shuts down"))
        }
    }

    /// Adds `Check` and `Watch`.
    public func register(in router: inout RPCRouter) {
        router.unary("/grpc.health.v1.Health/Check") { call in self.check(call) }
        router.serverStream("/grpc.health.v1.Health/Watch") { call in self.watch(call) }
    }

    private static func encode(_ status: Status) -> [UInt8] {
        // One enum field: varint of tag 1, and none for zero.
        status.rawValue == 0 ? [] : [0x08, UInt8(truncatingIfNeeded: status.rawValue)]
    }

    private static func serviceName(_ message: [UInt8]) throws(RPCStatus) -> String {
        try MessageCoding.decode(Grpc_Health_V1_HealthCheckRequest.self, message).service
    }

    private func check(_ call: UnaryCall) {
        do throws(RPCStatus) {
            let service = try Self.serviceName(call.message)
            guard let isServing = state.withLock({ $0.statuses[service] }) else {
                throw RPCStatus(.notFound, "no such service")
            }
            call.complete(Self.encode(isServing ? .serving : .notServing))
        } catch {
            call.fail(error)
        }
    }

    private func watch(_ call: ServerStreamCall) {
        let service: String
        do throws(RPCStatus) {
            service = try Self.serviceName(call.message)
        } catch {
            return call.writer.finish(error)
        }
        let id = state.withLock { state -> Int? in
            guard state.watchers.count < Self.watchersMax, !state.isShutDown else { return nil }
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = Watcher(service: service, call: call)
            return state.nextWatcher
        }
        guard let id else {
            return call.writer.finish(RPCStatus(.resourceExhausted, "too many watchers"))
        }
        call.context.onCancel { [weak self] in self?.remove(id) }
        tellWatchers()
    }

    private func remove(_ id: Int) {
        let watcher = state.withLock { $0.watchers.removeValue(forKey: id) }
        watcher?.call.writer.finish(RPCStatus(.cancelled))
    }

    /// Writes what each watcher has not heard yet; those behind hear it when they catch up.
    private func tellWatchers() {
        let due = state.withLock { state -> [(id: Int, call: ServerStreamCall, status: Status)] in
            var due: [(id: Int, call: ServerStreamCall, status: Status)] = []
            for id in state.watchers.keys.sorted() {
                guard var watcher = state.watchers[id], !watcher.isBehind else { continue }
                let status: Status =
                    switch state.statuses[watcher.service] {
                    case .some(true): .serving
                    case .some(false): .notServing
                    case .none: .serviceUnknown
                    }
                guard watcher.told != status else { continue }
                watcher.told = status
                watcher.isBehind = true
                state.watchers[id] = watcher
                due.append((id, watcher.call, status))
            }
            return due
        }
        for (id, call, status) in due {
            call.writer.write(Self.encode(status))
            call.writer.onDrained { [weak self] in self?.caughtUp(id) }
        }
    }

    private func caughtUp(_ id: Int) {
        let isThere = state.withLock { state in
            state.watchers[id]?.isBehind = false
            return state.watchers[id] != nil
        }
        if isThere { tellWatchers() }
    }
}
