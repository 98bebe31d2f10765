import HTTP2Transport

/// Credit for one stream's incoming bytes: given back as messages are taken, or at once for a
/// message that is not whole yet while none waits.
///
/// Why the second: a message may be longer than the window. Why only then: bytes of whole messages
/// that nobody takes must stop the sender. Invariant: what is held stays below one window and one
/// message.
struct InboundFlow {
    private var waitingMessages = 0
    private var owedCredit = 0

    /// Bytes came, which completed some messages.
    mutating func received(_ bytes: Int, completed: Int, on stream: HTTP2Stream) {
        owedCredit += bytes
        waitingMessages += completed
        if completed > 0 { stream.messageCompleted() }
        if waitingMessages == 0 { grantAll(stream) }
    }

    /// A message was taken by its reader.
    mutating func taken(_ messageBytes: Int, on stream: HTTP2Stream) {
        precondition(waitingMessages > 0, "a message was taken twice")
        waitingMessages -= 1
        stream.releaseHeld(min(messageBytes + MessageFrame.prefixBytes, stream.heldBytes))
        if waitingMessages == 0 { return grantAll(stream) }
        let credit = min(messageBytes + MessageFrame.prefixBytes, owedCredit)
        owedCredit -= credit
        stream.grantCredit(credit)
    }

    private mutating func grantAll(_ stream: HTTP2Stream) {
        stream.grantCredit(owedCredit)
        owedCredit = 0
    }
}
