import ChaosHarness
import Foundation

/// What all runs together came to.
struct Summary {
    let reports: [ChaosReport]

    /// Violations that are shown of one check; a broken promise is often broken many times.
    static let shownPerCheck = 3

    func write(asJSON: Bool) {
        if asJSON {
            for report in reports { print(report.json) }
        } else {
            for report in reports { show(report) }
            table()
        }
    }

    private func show(_ report: ChaosReport) {
        let kept = report.violations.isEmpty
        print(
            "seed \(report.options.seed): \(report.answered) calls answered, "
                + (kept ? "all promises kept" : "\(report.violations.count) VIOLATIONS")
        )
        var shown: [String: Int] = [:]
        for violation in report.violations {
            shown[violation.check, default: 0] += 1
            guard shown[violation.check, default: 0] <= Self.shownPerCheck else { continue }
            print("VIOLATION \(violation.check), \(violation.subject): \(violation.message)")
            for line in violation.operations { print("    \(line)") }
        }
        for (check, count) in shown.sorted(by: { $0.key < $1.key }) where count > Self.shownPerCheck
        {
            print("    \(check): \(count - Self.shownPerCheck) more")
        }
    }

    /// How often each fault was met, and for how long nothing was served.
    private func table() {
        print("\nfault             times   without service, ms: middle, longest")
        for kind in FaultKind.allCases {
            let gaps = reports.flatMap { $0.silences(during: kind) }.sorted()
            let times = reports.reduce(0) { $0 + ($1.met[kind] ?? 0) }
            guard times > 0 else { continue }
            let middle = gaps.isEmpty ? 0 : gaps[gaps.count / 2]
            print(
                pad(kind.rawValue, 16),
                left(times, 6),
                left(middle, 10),
                left(gaps.last ?? 0, 10)
            )
        }
        print("")
        var rare: [String: Int] = [:]
        for report in reports { rare.merge(report.rarities) { $0 + $1 } }
        for (name, count) in rare.sorted(by: { $0.key < $1.key }) { print(left(count, 8), name) }
        let answered = reports.reduce(0) { $0 + $1.answered }
        let broken = reports.reduce(0) { $0 + $1.violations.count }
        print(
            "\(reports.count) runs, \(answered) calls answered: "
                + (broken == 0 ? "all promises kept" : "\(broken) VIOLATIONS")
        )
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func left(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
