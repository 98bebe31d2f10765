import CNghttp2

/// Streams' credit when a connection holds too much.
///
/// Past `HTTP2Limits.inboundHeldBytesMax` only one stream at a time gets credit, for one message.
/// Why one and not none: were many messages half there, none could become whole, and nothing held
/// would be freed. Why in turn: else a busy stream would keep the others waiting.
extension HTTP2Handler {
    /// Gives a stream's credit to the peer, or lets it wait for its turn.
    func passCredit(to stream: HTTP2Stream) {
        if heldBytes > limits.inboundHeldBytesMax {
            guard isCreditFree(for: stream.id) else {
                hasWithheldCredit = true
                return
            }
            creditHolder = stream.id
        }
        let credit = stream.withheldCredit
        stream.withheldCredit = 0
        guard let session, credit > 0 else { return }
        nghttp2_session_consume_stream(session, stream.id, credit)
        scheduleFlush()
    }

    private func isCreditFree(for id: Int32) -> Bool {
        guard let holder = creditHolder, holder != id, let stream = streams[holder] else {
            return true
        }
        return stream.heldBytes == 0
    }

    /// A stream's message is whole: the next one in turn gets credit.
    func yieldCredit(_ id: Int32) {
        guard creditHolder == id else { return }
        creditHolder = nil
        lastCreditHolder = id
        if hasWithheldCredit { passWithheldCredit() }
    }

    /// Bytes were freed, or the turn is free: whoever waits gets its credit, as far as that goes.
    func passWithheldCredit() {
        let waiting = streams.values.filter { $0.withheldCredit > 0 }.sorted { $0.id < $1.id }
        let later = waiting.filter { $0.id > lastCreditHolder }
        let earlier = waiting.filter { $0.id <= lastCreditHolder }
        hasWithheldCredit = false
        for stream in later + earlier { passCredit(to: stream) }
    }
}
