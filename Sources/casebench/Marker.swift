/// The text of one comment: says who wrote it, as which one, and can be made again for comparison.
struct Marker: Hashable, Sendable {
    let run: String
    let worker: Int
    let sequence: Int

    private static let letters = 26
    private static let alphabets = String(repeating: "abcdefghijklmnopqrstuvwxyz", count: 40)

    /// Exactly `bytes` long, or as long as its head if that is longer.
    func text(bytes: Int) -> String {
        let head = "casebench \(run) \(worker) \(sequence) "
        let missing = max(0, bytes - head.utf8.count)
        let start = sequence % Self.letters
        // The callers share the machine with the nodes: a letter at a time costs more than the call.
        var text = head
        text.reserveCapacity(head.utf8.count + missing)
        var filled = 0
        while filled < missing {
            let first = (start + filled) % Self.letters
            let count = min(missing - filled, Self.alphabets.utf8.count - first)
            let from = Self.alphabets.utf8.index(Self.alphabets.startIndex, offsetBy: first)
            let to = Self.alphabets.utf8.index(from, offsetBy: count)
            text += Self.alphabets[from..<to]
            filled += count
        }
        return text
    }

    /// Reads the head of a text; nil for anybody else's.
    init?(_ text: String) {
        let parts = text.split(separator: " ", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0] == "casebench", let worker = Int(parts[2]),
            let sequence = Int(parts[3])
        else { return nil }
        self.init(run: String(parts[1]), worker: worker, sequence: sequence)
    }

    init(run: String, worker: Int, sequence: Int) {
        self.run = run
        self.worker = worker
        self.sequence = sequence
    }
}
