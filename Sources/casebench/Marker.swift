/// The text of one comment: says who wrote it, as which one, and can be made again for comparison.
struct Marker: Hashable, Sendable {
    let run: String
    let worker: Int
    let sequence: Int

    /// Exactly `bytes` long, or as long as its head if that is longer.
    func text(bytes: Int) -> String {
        var text = "casebench \(run) \(worker) \(sequence) "
        let letters = Array("abcdefghijklmnopqrstuvwxyz".unicodeScalars)
        let missing = max(0, bytes - text.utf8.count)
        var filler = String.UnicodeScalarView()
        for position in 0..<missing {
            filler.append(letters[(sequence + position) % letters.count])
        }
        text += String(filler)
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
