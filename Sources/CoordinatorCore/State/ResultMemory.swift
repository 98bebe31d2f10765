import ClusterPrimitives

/// Results under idempotency keys, and the order in which they expire: by time, then digest.
///
/// Time is the replicated one and never falls, so that nearly every result joins at the end.
struct ResultMemory: Sendable {
    private var byDigest: [SHA256Digest: RememberedResult] = [:]
    /// Sorted by (at, digest); those before `head` are gone.
    private var order: [Place] = []
    private var head = 0

    private struct Place: Hashable, Sendable {
        var at: Timestamp
        var digest: SHA256Digest

        func precedes(_ other: Place) -> Bool {
            at != other.at
                ? at < other.at
                : digest.bytes.lexicographicallyPrecedes(other.digest.bytes)
        }
    }

    /// How much of the spent front is kept before the array is cut: amortised constant time.
    private static let slack = 1_024

    init() {}

    var count: Int { byDigest.count }

    subscript(digest: SHA256Digest) -> RememberedResult? { byDigest[digest] }

    /// The result that expires first.
    var oldest: RememberedResult? {
        head < order.count ? byDigest[order[head].digest] : nil
    }

    mutating func insert(_ result: RememberedResult) {
        remove(result.digest)
        byDigest[result.digest] = result
        let place = Place(at: result.at, digest: result.digest)
        order.insert(place, at: position(of: place))
        assert(order.count - head == byDigest.count)
    }

    mutating func remove(_ digest: SHA256Digest) {
        guard let known = byDigest.removeValue(forKey: digest) else { return }
        let position = position(of: Place(at: known.at, digest: digest))
        assert(order[position].digest == digest)
        if position == head {
            head += 1
            if head > Self.slack, head * 2 > order.count {
                order.removeFirst(head)
                head = 0
            }
        } else {
            order.remove(at: position)
        }
    }

    /// The first place that does not precede `place`.
    private func position(of place: Place) -> Int {
        var low = head
        var high = order.count
        while low < high {
            let middle = low + (high - low) / 2
            if order[middle].precedes(place) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension ResultMemory: Equatable {
    static func == (left: ResultMemory, right: ResultMemory) -> Bool {
        left.byDigest == right.byDigest
            && left.order[left.head...].elementsEqual(right.order[right.head...])
    }
}
