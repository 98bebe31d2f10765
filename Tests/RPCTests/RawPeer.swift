import CNghttp2
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// One frame as it came.
struct RawFrame: Sendable {
    let kind: UInt8
    let flags: UInt8
    let stream: UInt32
    let payload: [UInt8]
    /// Of HEADERS, decoded.
    var headers: [String: String] = [:]

    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let reset: UInt8 = 3
    static let settings: UInt8 = 4
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8

    var endsStream: Bool { flags & 1 != 0 }

    /// Four bytes of the payload as a number.
    func number(at offset: Int) -> UInt32 {
        payload[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// The other end of a connection, played by hand: it can say what no library would.
///
/// `@unchecked Sendable`: the inflater is used under the lock only.
final class RawPeer: @unchecked Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var prefaceBytesLeft: Int
        var frames: [RawFrame] = []
        var isClosed = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    let channel: any Channel
    private let state: Mutex<State>
    private var inflater: OpaquePointer?

    fileprivate init(channel: any Channel, isServer: Bool) {
        self.channel = channel
        state = Mutex(State(prefaceBytesLeft: isServer ? Self.preface.count : 0))
        nghttp2_hd_inflate_new(&inflater)
    }

    deinit { nghttp2_hd_inflate_del(inflater) }

    /// Connects as a client; says nothing yet.
    static func connect(port: Int, group: any EventLoopGroup) async throws -> RawPeer {
        let made = Mutex<RawPeer?>(nil)
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let peer = RawPeer(channel: channel, isServer: false)
                    made.withLock { $0 = peer }
                    try channel.pipeline.syncOperations.addHandler(RawCollector(peer: peer))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .get()
        _ = channel
        return try #require(made.withLock { $0 })
    }

    fileprivate func received(_ bytes: [UInt8]) {
        let waiter = state.withLock { state in
            state.bytes += bytes
            let skipped = min(state.prefaceBytesLeft, state.bytes.count)
            state.bytes.removeFirst(skipped)
            state.prefaceBytesLeft -= skipped
            while state.bytes.count >= 9 {
                let length = state.bytes[0..<3].reduce(0) { $0 << 8 | Int($1) }
                guard state.bytes.count >= 9 + length else { break }
                var frame = RawFrame(
                    kind: state.bytes[3],
                    flags: state.bytes[4],
                    stream: state.bytes[5..<9].reduce(0) { $0 << 8 | UInt32($1) },
                    payload: Array(state.bytes[9..<9 + length])
                )
                if frame.kind == RawFrame.headers { frame.headers = inflate(frame.payload) }
                state.bytes.removeFirst(9 + length)
                state.frames.append(frame)
            }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    fileprivate func ended() {
        let waiter = state.withLock { state in
            state.isClosed = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    private func inflate(_ block: [UInt8]) -> [String: String] {
        var fields: [String: String] = [:]
        var offset = 0
        while true {
            var field = nghttp2_nv()
            var flags: Int32 = 0
            let count = block.withUnsafeBufferPointer { block in
                nghttp2_hd_inflate_hd2(
                    inflater,
                    &field,
                    &flags,
                    block.baseAddress.map { $0 + offset },
                    block.count - offset,
                    1
                )
            }
            guard count >= 0 else { return fields }
            offset += count
            if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
                let name = UnsafeBufferPointer(start: field.name, count: field.namelen)
                let value = UnsafeBufferPointer(start: field.value, count: field.valuelen)
                fields[String(decoding: name, as: UTF8.self)] = String(
                    decoding: value,
                    as: UTF8.self
                )
            }
            if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
                nghttp2_hd_inflate_end_headers(inflater)
                return fields
            }
        }
    }

    /// The first frame that fits, taken out; nil when the connection has ended without one.
    func next(where fits: @Sendable (RawFrame) -> Bool) async -> RawFrame? {
        while true {
            let (frame, isClosed) = state.withLock { state -> (RawFrame?, Bool) in
                guard let index = state.frames.firstIndex(where: fits) else {
                    return (nil, state.isClosed)
                }
                return (state.frames.remove(at: index), false)
            }
            if let frame { return frame }
            if isClosed { return nil }
            await withCheckedContinuation { continuation in
                let runsNow = state.withLock { state in
                    if state.isClosed || state.frames.contains(where: fits) { return true }
                    state.waiter = continuation
                    return false
                }
                if runsNow { continuation.resume() }
            }
        }
    }

    /// The first frame that fits and is here already, taken out.
    func take(where fits: (RawFrame) -> Bool) -> RawFrame? {
        state.withLock { state in
            state.frames.firstIndex(where: fits).map { state.frames.remove(at: $0) }
        }
    }

    func next(_ kind: UInt8, stream: UInt32? = nil) async -> RawFrame? {
        await next { $0.kind == kind && (stream == nil || $0.stream == stream) }
    }

    /// Waits until the other side has closed.
    func closed() async {
        _ = await next { _ in false }
    }

    // MARK: - Sending

    func send(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    static func frame(
        _ kind: UInt8,
        flags: UInt8 = 0,
        stream: UInt32 = 0,
        _ payload: [UInt8] = []
    ) -> [UInt8] {
        let length = payload.count
        return [
            UInt8(truncatingIfNeeded: length >> 16), UInt8(truncatingIfNeeded: length >> 8),
            UInt8(truncatingIfNeeded: length), kind, flags,
        ] + Self.bytes(stream) + payload
    }

    static func bytes(_ number: UInt32) -> [UInt8] {
        [
            UInt8(truncatingIfNeeded: number >> 24), UInt8(truncatingIfNeeded: number >> 16),
            UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number),
        ]
    }

    /// A client's preface and SETTINGS.
    static func hello(_ settings: [UInt8] = []) -> [UInt8] {
        preface + frame(RawFrame.settings, settings)
    }

    /// One setting of a SETTINGS frame.
    static func setting(_ id: UInt16, _ value: UInt32) -> [UInt8] {
        [UInt8(id >> 8), UInt8(truncatingIfNeeded: id)] + bytes(value)
    }

    /// Fields as literals that are not indexed.
    static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { name, value in
            [0] + text(name) + text(value)
        }
    }

    private static func text(_ text: String) -> [UInt8] {
        var length: [UInt8]
        let count = text.utf8.count
        if count < 127 {
            length = [UInt8(count)]
        } else {
            length = [127]
            var rest = count - 127
            while rest >= 128 {
                length.append(UInt8(rest & 127 | 128))
                rest >>= 7
            }
            length.append(UInt8(rest))
        }
        return length + Array(text.utf8)
    }

    /// HEADERS of a gRPC request.
    static func request(
        _ stream: UInt32,
        _ path: String,
        replacing: [String: String?] = [:],
        adding: [(String, String)] = [],
        endStream: Bool = false
    ) -> [UInt8] {
        var fields: [(String, String)] = []
        for (name, value) in [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
            ("content-type", "application/grpc"), ("te", "trailers"),
        ] {
            if let replacement = replacing[name] {
                if let replacement { fields.append((name, replacement)) }
            } else {
                fields.append((name, value))
            }
        }
        return frame(
            RawFrame.headers,
            flags: endStream ? 5 : 4,
            stream: stream,
            block(fields + adding)
        )
    }

    /// DATA with one gRPC message.
    static func message(
        _ stream: UInt32,
        _ message: [UInt8],
        flag: UInt8 = 0,
        endStream: Bool = true
    ) -> [UInt8] {
        frame(
            RawFrame.data,
            flags: endStream ? 1 : 0,
            stream: stream,
            [flag] + bytes(UInt32(message.count)) + message
        )
    }

    /// RST_STREAM.
    static func reset(_ stream: UInt32, _ code: UInt32) -> [UInt8] {
        frame(RawFrame.reset, stream: stream, bytes(code))
    }
}

/// Hands what comes to its peer. Confined to the channel's loop.
private final class RawCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let peer: RawPeer

    init(peer: RawPeer) { self.peer = peer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        peer.received(Array(unwrapInboundIn(data).readableBytesView))
    }

    func channelInactive(context: ChannelHandlerContext) { peer.ended() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Listens, and gives each connection as a raw peer.
final class RawServer: Sendable {
    private struct State {
        var peers: [RawPeer] = []
        var waiter: CheckedContinuation<Void, Never>?
        var accepted = 0
    }

    private let state: Mutex<State>
    let channel: any Channel

    var port: Int { channel.localAddress?.port ?? 0 }
    /// Connections so far.
    var accepted: Int { state.withLock { $0.accepted } }

    private init(channel: any Channel, peers: PeerBox) {
        self.channel = channel
        state = Mutex(State())
        peers.forward { [weak self] peer in self?.add(peer) }
    }

    static func listen(group: any EventLoopGroup) async throws -> RawServer {
        let box = PeerBox()
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let peer = RawPeer(channel: channel, isServer: true)
                    try channel.pipeline.syncOperations.addHandler(RawCollector(peer: peer))
                    box.add(peer)
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        return RawServer(channel: channel, peers: box)
    }

    private func add(_ peer: RawPeer) {
        let waiter = state.withLock { state in
            state.peers.append(peer)
            state.accepted += 1
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// The next connection; it has said its SETTINGS already.
    func accept() async -> RawPeer {
        while true {
            let peer = state.withLock { $0.peers.isEmpty ? nil : $0.peers.removeFirst() }
            if let peer {
                peer.send(
                    RawPeer.frame(RawFrame.settings) + RawPeer.frame(RawFrame.settings, flags: 1)
                )
                return peer
            }
            await withCheckedContinuation { continuation in
                let runsNow = state.withLock { state in
                    if !state.peers.isEmpty { return true }
                    state.waiter = continuation
                    return false
                }
                if runsNow { continuation.resume() }
            }
        }
    }
}

/// Keeps connections that come before the server object stands.
private final class PeerBox: Sendable {
    private struct State {
        var early: [RawPeer] = []
        var forward: (@Sendable (RawPeer) -> Void)?
    }

    private let state = Mutex(State())

    func add(_ peer: RawPeer) {
        let forward = state.withLock { state in
            if state.forward == nil { state.early.append(peer) }
            return state.forward
        }
        forward?(peer)
    }

    func forward(_ action: @escaping @Sendable (RawPeer) -> Void) {
        let early = state.withLock { state in
            state.forward = action
            defer { state.early = [] }
            return state.early
        }
        for peer in early { action(peer) }
    }
}
