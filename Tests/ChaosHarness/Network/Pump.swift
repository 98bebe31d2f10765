import NIOCore

/// Carries what one side of a connection says to the other side, as the link between them allows: late, in
/// order, and not at all while the link is cut. What was said then arrives when the link is back, as a
/// sender's own repeating would bring it.
///
/// Lives on its channel's event loop, where its counterpart lives too.
final class Pump: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Bytes that wait here before the sender is no longer read: far above a window of HTTP/2, so that it
    /// is the link that holds things up and not this.
    static let waitingBytesMax = 1 << 20
    /// How often a link that is cut is looked at again.
    static let pollInterval = TimeAmount.milliseconds(10)

    private enum Item {
        case bytes(ByteBuffer)
        case end
    }

    private let link: Link
    private var target: (any Channel)?
    private var waiting = CircularBuffer<(due: NIODeadline, item: Item)>()
    private var waitingBytes = 0
    private var isScheduled = false
    private var isPaused = false
    private var channel: (any Channel)?

    init(_ link: Link) { self.link = link }

    /// Where to; nothing is carried before.
    func connect(to target: any Channel) {
        self.target = target
        drain()
    }

    func handlerAdded(context: ChannelHandlerContext) { channel = context.channel }

    func handlerRemoved(context: ChannelHandlerContext) { channel = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        switch link.fate() {
        case .reset:
            reset()
        case .late(let milliseconds):
            waitingBytes += bytes.readableBytes
            append(.bytes(bytes), late: milliseconds)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        append(.end, late: 0)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset: its end follows.
        context.close(promise: nil)
    }

    /// Both ends are told at once, cut or not: a reset is this side's own doing.
    private func reset() {
        waiting.removeAll()
        target?.close(promise: nil)
        channel?.close(promise: nil)
    }

    private func append(_ item: Item, late milliseconds: Int) {
        var due = NIODeadline.now() + .milliseconds(Int64(milliseconds))
        // Never before what was said before it.
        if let last = waiting.last, last.due > due { due = last.due }
        waiting.append((due, item))
        drain()
    }

    private func drain() {
        guard let target else { return }
        var hasWritten = false
        while let first = waiting.first {
            if link.isCut || !target.isWritable && target.isActive {
                schedule(in: Self.pollInterval)
                break
            }
            let now = NIODeadline.now()
            guard first.due <= now else {
                schedule(in: first.due - now)
                break
            }
            waiting.removeFirst()
            switch first.item {
            case .bytes(let bytes):
                waitingBytes -= bytes.readableBytes
                target.write(bytes, promise: nil)
                hasWritten = true
            case .end:
                target.flush()
                target.close(promise: nil)
            }
        }
        if hasWritten { target.flush() }
        throttle()
    }

    private func throttle() {
        let shouldPause = waitingBytes > Self.waitingBytesMax
        guard shouldPause != isPaused, let channel, channel.isActive else { return }
        isPaused = shouldPause
        channel.setOption(.autoRead, value: !shouldPause).whenFailure { _ in
            // Closed meanwhile.
        }
    }

    private func schedule(in time: TimeAmount) {
        guard !isScheduled, let target else { return }
        isScheduled = true
        target.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in
            isScheduled = false
            drain()
        }
    }
}
