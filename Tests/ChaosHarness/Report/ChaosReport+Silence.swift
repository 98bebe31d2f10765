extension ChaosReport {
    /// For how long, during each fault of a kind, no write was acknowledged at all: in milliseconds. A silence
    /// that reaches over a fault's edges counts as a whole.
    public func silences(during kind: FaultKind) -> [Int] {
        made.filter { $0.fault.kind == kind }.map { silence(during: $0) }
    }

    /// The same for one fault.
    func silence(during made: Journal.Made) -> Int {
        let end = made.to ?? ended
        let first = lower(made.from)
        var previous = first > 0 ? writes[first - 1] : made.from
        var longest: Int64 = 0
        for place in first..<writes.count {
            longest = max(longest, writes[place] - previous)
            previous = writes[place]
            if writes[place] > end { break }
        }
        return Int(longest / 1_000)
    }

    /// The first acknowledged write at or after a time, by its place.
    private func lower(_ time: Int64) -> Int {
        var (low, high) = (0, writes.count)
        while low < high {
            let middle = (low + high) / 2
            if writes[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// What happens only now and then, with how often it did.
    public var rarities: [String: Int] {
        Journal.Encounter.allCases.reduce(into: [:]) { $0[$1.rawValue] = encounters[$1] ?? 0 }
    }
}
