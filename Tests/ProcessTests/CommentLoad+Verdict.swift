import CaseClient

/// Reads back what was acknowledged.
extension CommentLoad {
    /// What a reading of all cases found.
    struct Verdict: Sendable {
        var lost: [String] = []
        var doubled: [String] = []
        var disordered: [String] = []
        var foreign: [String] = []
        var broken: [String] = []
        var isClean: Bool {
            lost.isEmpty && doubled.isEmpty && disordered.isEmpty && foreign.isEmpty
                && broken.isEmpty
        }
    }

    /// Reads every case and compares contents and order with what was acknowledged.
    func verify() async throws -> Verdict {
        var verdict = Verdict()
        for worker in workers {
            let acknowledged = acknowledged(of: worker.number)
            do throws(CaseClientError) {
                judge(worker.number, try await comments(worker), acknowledged, &verdict)
                if try await !client.verify(worker.caseID).valid {
                    verdict.broken.append("case \(worker.caseID)")
                }
            } catch {
                // Acknowledged too: the case, and the token that reads it.
                guard [.notFound, .unauthenticated].contains(error.code) else { throw error }
                verdict.lost.append("case \(worker.caseID) (\(error.code))")
            }
        }
        return verdict
    }

    private func comments(_ worker: Worker) async throws(CaseClientError) -> [String] {
        var texts: [String] = []
        var after: UInt64 = 0
        while true {
            let page = try await client.history(worker.caseID, after: after, pageSize: 500)
            texts += page.entries.filter { $0.kind == .comment }.map(\.text)
            guard page.more, let last = page.entries.last else { return texts }
            after = last.number
        }
    }

    private func judge(
        _ worker: Int,
        _ texts: [String],
        _ acknowledged: Int,
        _ verdict: inout Verdict
    ) {
        let expected = (0...acknowledged + 1).map { text(worker, $0) }
        let positions = Dictionary(uniqueKeysWithValues: zip(expected, expected.indices))
        var seen = Array(repeating: 0, count: expected.count)
        var last = 0
        for text in texts {
            guard let position = positions[text], position > 0 else {
                verdict.foreign.append("worker \(worker): \(text.prefix(40))")
                continue
            }
            seen[position] += 1
            if position < last { verdict.disordered.append("worker \(worker) comment \(position)") }
            last = position
        }
        for number in 1..<expected.count {
            if seen[number] == 0, number <= acknowledged {
                verdict.lost.append("worker \(worker) comment \(number)")
            }
            if seen[number] > 1 { verdict.doubled.append("worker \(worker) comment \(number)") }
        }
    }
}
