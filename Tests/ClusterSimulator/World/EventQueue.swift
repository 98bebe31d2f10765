/// What is to happen, by simulated time; of one instant, in the order in which it was planned.
///
/// A binary heap. Nothing is ever taken out before its time: an event whose reason has gone looks for itself
/// whether it still applies.
struct EventQueue {
    /// Does something, in whatever state the world then is.
    typealias Action = () -> Void

    private struct Event {
        let time: Int64
        let number: UInt64
        let action: Action

        func isBefore(_ other: Event) -> Bool { (time, number) < (other.time, other.number) }
    }

    private var heap: [Event] = []
    private var planned: UInt64 = 0

    var isEmpty: Bool { heap.isEmpty }
    var count: Int { heap.count }

    /// Plans an action for a time in microseconds.
    mutating func add(at time: Int64, _ action: @escaping Action) {
        planned += 1
        heap.append(Event(time: time, number: planned, action: action))
        var place = heap.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard heap[place].isBefore(heap[parent]) else { break }
            heap.swapAt(place, parent)
            place = parent
        }
    }

    /// Takes the next one.
    mutating func next() -> (time: Int64, action: Action)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return (first.time, first.action) }
        heap[0] = last
        var place = 0
        while true {
            var smallest = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count {
                if heap[child].isBefore(heap[smallest]) { smallest = child }
            }
            guard smallest != place else { break }
            heap.swapAt(place, smallest)
            place = smallest
        }
        return (first.time, first.action)
    }
}
