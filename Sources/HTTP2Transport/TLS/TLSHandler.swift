import COpenSSL
import NIOCore

/// Sent up the pipeline right before `channelActive`: TLS stands.
public struct TLSReady: Sendable {
    /// Whom the peer's verified certificate names; nil if it showed none.
    public let peer: PeerIdentity?
}

/// TLS 1.3 with OpenSSL on memory BIOs: bytes of the socket below, plain bytes above.
///
/// `channelActive` is held back until the handshake is done, so handlers above never see a
/// connection that is not secured. Confined to its channel's event loop.
public final class TLSHandler: ChannelDuplexHandler {
    /// From the socket.
    public typealias InboundIn = ByteBuffer
    /// Plain.
    public typealias InboundOut = ByteBuffer
    /// Plain.
    public typealias OutboundIn = ByteBuffer
    /// To the socket.
    public typealias OutboundOut = ByteBuffer

    /// Plain bytes read in one go: the longest TLS record.
    private static let recordBytesMax = 16_384

    private let ssl: OpaquePointer
    private let handshakeTime: TimeAmount
    private let isClient: Bool
    // Owned by `ssl`, and freed with it.
    private let input: OpaquePointer?
    private let output: OpaquePointer?
    private var state = TLSStateMachine()
    private var timer: Scheduled<Void>?

    /// Made for one channel.
    ///
    /// - Parameters:
    ///   - context: keys, certificates and rules.
    ///   - serverName: what a client's peer must be named: a DNS name or an IP address.
    ///   - handshakeTime: time until the connection is given up.
    /// - Throws: `.badRequest` for a name that is neither; `.openSSL`.
    public init(
        context: TLSContext,
        serverName: String? = nil,
        handshakeTime: TimeAmount = HTTP2Limits().handshakeTime
    ) throws(TransportError) {
        ssl = try context.makeConnection(serverName: serverName)
        input = SSL_get_rbio(ssl)
        output = SSL_get_wbio(ssl)
        isClient = context.role == .client
        self.handshakeTime = handshakeTime
    }

    deinit { SSL_free(ssl) }

    // MARK: - Inbound

    /// A channel that is connected already is shaken hands with at once.
    public func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    /// Held back: the handshake comes first.
    public func channelActive(context: ChannelHandlerContext) { begin(context) }

    /// Decrypts.
    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state.wantsInput else { return }
        var bytes = unwrapInboundIn(data)
        OpenSSLErrors.clear()
        let written = bytes.readWithUnsafeReadableBytes { raw in
            (raw.count, BIO_write(input, raw.baseAddress, Int32(clamping: raw.count)))
        }
        assert(written >= 0, "a memory BIO takes everything")
        if state.isHandshaking { shakeHands(context) }
        if state.isReady { readPlain(context) }
    }

    /// The socket is gone.
    public func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        if state.disconnected() {
            context.fireErrorCaught(
                TransportError.handshakeFailed("the connection was closed during the handshake")
            )
        }
        context.fireChannelInactive()
    }

    /// Nothing to be done later either.
    public func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    private func begin(_ context: ChannelHandlerContext) {
        guard state.connected() else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: handshakeTime) {
            guard self.state.isHandshaking else { return }
            self.fail(context, .handshakeTimeout)
        }
        shakeHands(context)
    }

    private func shakeHands(_ context: ChannelHandlerContext) {
        OpenSSLErrors.clear()
        let result = SSL_do_handshake(ssl)
        let error = SSL_get_error(ssl, result)
        let verdict = result == 1 ? nil : failureText(error)
        sendCipherText(context)
        if result == 1 { return announce(context) }
        if let verdict { fail(context, .handshakeFailed(verdict)) }
    }

    /// Nil when OpenSSL only wants more bytes.
    private func failureText(_ error: Int32) -> String? {
        if error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE { return nil }
        let verified = SSL_get_verify_result(ssl)
        let text = OpenSSLErrors.take()
        guard verified != Int(X509_V_OK), let reason = X509_verify_cert_error_string(verified)
        else {
            return text
        }
        return "\(text): \(String(cString: reason))"
    }

    private func announce(_ context: ChannelHandlerContext) {
        guard hasChosenHTTP2 else {
            return fail(context, .handshakeFailed("the peer did not agree on h2"))
        }
        guard state.handshakeDone() else { return }
        timer?.cancel()
        context.fireUserInboundEventTriggered(TLSReady(peer: verifiedPeer()))
        context.fireChannelActive()
    }

    private var hasChosenHTTP2: Bool {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &count)
        return count == 2 && name?[0] == 0x68 && name?[1] == 0x32
    }

    private func verifiedPeer() -> PeerIdentity? {
        guard SSL_get_verify_result(ssl) == Int(X509_V_OK),
            let certificate = SSL_get1_peer_certificate(ssl)
        else { return nil }
        defer { X509_free(certificate) }
        return PeerIdentity(certificate: certificate)
    }

    private func readPlain(_ context: ChannelHandlerContext) {
        // Used again for each record, unless a handler above has kept the last one.
        var plain = context.channel.allocator.buffer(capacity: Self.recordBytesMax)
        while state.isReady {
            plain.clear()
            var error = SSL_ERROR_NONE
            plain.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.recordBytesMax) { raw in
                OpenSSLErrors.clear()
                let count = SSL_read(ssl, raw.baseAddress, Int32(clamping: raw.count))
                if count <= 0 { error = SSL_get_error(ssl, count) }
                return max(0, Int(count))
            }
            if plain.readableBytes > 0 {
                context.fireChannelRead(wrapInboundOut(plain))
                continue
            }
            sendCipherText(context)
            if error == SSL_ERROR_ZERO_RETURN {
                return close(context: context, mode: .all, promise: nil)
            }
            if let text = failureText(error) { fail(context, .handshakeFailed(text)) }
            return
        }
    }

    private func fail(_ context: ChannelHandlerContext, _ error: TransportError) {
        guard state.failed() else { return }
        timer?.cancel()
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }

    // MARK: - Outbound

    /// Encrypts; the bytes leave with `flush`.
    public func write(
        context: ChannelHandlerContext,
        data: NIOAny,
        promise: EventLoopPromise<Void>?
    ) {
        let bytes = unwrapOutboundIn(data)
        guard state.isReady else {
            promise?.fail(TransportError.notReady)
            return
        }
        OpenSSLErrors.clear()
        var offset = 0
        let isWritten = bytes.withUnsafeReadableBytes { raw in
            while offset < raw.count {
                let rest = UnsafeRawBufferPointer(rebasing: raw[offset...])
                let count = SSL_write(ssl, rest.baseAddress, Int32(clamping: rest.count))
                guard count > 0 else { return false }
                offset += Int(count)
            }
            return true
        }
        guard isWritten else {
            promise?.fail(TransportError.closed)
            return fail(context, .openSSL(OpenSSLErrors.take()))
        }
        context.write(wrapOutboundOut(takeCipherText(context)), promise: promise)
    }

    private func takeCipherText(_ context: ChannelHandlerContext) -> ByteBuffer {
        var start: UnsafeMutablePointer<CChar>?
        let count = shim_BIO_memory(output, &start)
        guard count > 0, let start else { return ByteBuffer() }
        var bytes = context.channel.allocator.buffer(capacity: count)
        bytes.writeBytes(UnsafeRawBufferPointer(start: start, count: count))
        _ = shim_BIO_clear(output)
        return bytes
    }

    /// What the handshake, an alert or a key update has left to send.
    private func sendCipherText(_ context: ChannelHandlerContext) {
        let bytes = takeCipherText(context)
        guard bytes.readableBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    /// Says close_notify, then closes.
    public func close(
        context: ChannelHandlerContext,
        mode: CloseMode,
        promise: EventLoopPromise<Void>?
    ) {
        timer?.cancel()
        guard state.close() else { return context.close(mode: mode, promise: promise) }
        OpenSSLErrors.clear()
        _ = SSL_shutdown(ssl)
        sendCipherText(context)
        context.close(mode: mode, promise: promise)
    }
}
