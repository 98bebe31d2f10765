/// A run as one page of HTML that needs nothing else: no script, no font, no picture from elsewhere.
public struct ReportPage {
    private let report: ChaosReport

    /// Of a run.
    public init(_ report: ChaosReport) { self.report = report }

    /// The page.
    public var html: String {
        let seed = report.options.seed
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Chaos, seed \(seed): \(isKept ? "all promises kept" : "violations")</title>
            <style>\(ReportStyle.css)</style></head><body><main>
            \(head)
            \(violations)
            <section><h2>Faults, rate and latency</h2>\(legend)
            <div class="chart">\(Chart(report).svg)</div></section>
            \(faults)
            \(work)
            \(every)
            <footer>The same plan again: <code>\(again)</code></footer>
            </main></body></html>

            """
    }

    private var isKept: Bool { report.violations.isEmpty }

    private var again: String {
        let minutes = Double(report.options.lasts) / 60_000
        let text = minutes == minutes.rounded() ? "\(Int(minutes))" : "\(minutes)"
        let nodes = report.options.nodes == 3 ? "" : " --nodes \(report.options.nodes)"
        return "Deploy/chaos --seed \(report.options.seed) --minutes \(text)\(nodes)"
    }

    private var head: String {
        let unknown = report.samples.count { $0.ending == .unknown }
        let figures = [
            (Markup.grouped(report.answered), "calls answered"),
            (Markup.grouped(unknown), "outcomes unknown"),
            (Markup.grouped(report.made.count), "faults"),
            ("\(report.options.nodes)", "nodes"),
            (Markup.clock(report.faultsEnded - report.faultsBegan), "minutes of faults"),
        ]
        let cells = figures.map { "<div><b>\($0.0)</b><span>\($0.1)</span></div>" }.joined()
        let verdict =
            isKept
            ? "<p class=\"verdict kept\">All promises kept</p>"
            : "<p class=\"verdict broken\">\(report.violations.count) violations</p>"
        return """
            <header><h1>Chaos <small>seed \(report.options.seed)</small></h1>\(verdict)\
            <div class="figures">\(cells)</div></header>
            """
    }

    /// Violations of one check that are shown in full.
    static let shownPerCheck = 5

    private var violations: String {
        guard !isKept else { return "" }
        var shown: [String: Int] = [:]
        var text = "<section><h2>What was broken</h2>"
        for violation in report.violations {
            shown[violation.check, default: 0] += 1
            guard shown[violation.check, default: 0] <= Self.shownPerCheck else { continue }
            text += "<article><h3>\(Markup.escape(violation.check))</h3><p><b>"
            text +=
                "\(Markup.escape(violation.subject))</b>: \(Markup.escape(violation.message))</p>"
            if !violation.operations.isEmpty {
                let lines = violation.operations.map { Markup.escape($0) }.joined(separator: "\n")
                text += "<pre>\(lines)</pre>"
            }
            text += "</article>"
        }
        for (check, count) in shown.sorted(by: { $0.key < $1.key })
        where count > Self.shownPerCheck {
            text += "<p>\(Markup.escape(check)): \(count - Self.shownPerCheck) more.</p>"
        }
        return text + "</section>"
    }

    private var legend: String {
        let names = [
            ("process", "processes"), ("cuts", "cuts"), ("quality", "bad links"),
            ("clock", "clocks"), ("disk", "disks"), ("done", "answered"),
            ("unknown", "outcome unknown"), ("failed", "not carried out"),
            ("middle", "latency, median"), ("slow", "latency, 99 %"),
        ]
        let items = names.map { "<li><i class=\"\($0.0)\"></i>\($0.1)</li>" }.joined()
        return "<ul class=\"legend\">\(items)</ul>"
    }

    private var faults: String {
        var rows = ""
        let met = report.met
        for kind in FaultKind.allCases {
            guard let times = met[kind] else { continue }
            let gaps = report.silences(during: kind).sorted()
            let middle = gaps.isEmpty ? 0 : gaps[gaps.count / 2]
            rows += """
                <tr><td><i class="\(kind.means.name)"></i>\(kind.rawValue)</td><td>\(times)</td>\
                <td>\(Markup.grouped(middle))</td><td>\(Markup.grouped(gaps.last ?? 0))</td></tr>\n
                """
        }
        return """
            <section><h2>Time without service</h2><p class="note">The longest time in which no write was \
            acknowledged, while a fault lasted. Others may have run at the same time.</p>\
            <div class="wide"><table><thead><tr><th>fault</th><th>times</th><th>median, ms</th>\
            <th>longest, ms</th></tr></thead><tbody>\(rows)</tbody></table></div></section>
            """
    }

    private var work: String {
        let rows = report.workloads.map {
            "<tr><td>\($0.name)</td><td class=\"text\">\(Markup.escape($0.summary))</td></tr>"
        }
        let rare = report.rarities.sorted { $0.key < $1.key }.map {
            "<tr><td>\(Markup.escape($0.key))</td><td>\(Markup.grouped($0.value))</td></tr>"
        }
        return """
            <section class="pair"><div><h2>What clients did</h2><table><tbody>\(rows.joined())\
            </tbody></table></div><div><h2>What happened now and then</h2><table><tbody>\
            \(rare.joined())</tbody></table></div></section>
            """
    }

    private var every: String {
        let rows = report.made.map { made in
            let end = made.to.map { Markup.clock($0) } ?? "not undone"
            return """
                <tr><td>\(Markup.clock(made.from))</td><td>\(end)</td>\
                <td class="text"><i class="\(made.fault.kind.means.name)"></i>\
                \(Markup.escape(made.fault.summary))</td>\
                <td>\(Markup.grouped(report.silence(during: made)))</td></tr>\n
                """
        }
        return """
            <section><details><summary>Every fault</summary><div class="wide"><table><thead><tr>\
            <th>from</th><th>to</th><th class="text">what</th><th>without service, ms</th></tr></thead>\
            <tbody>\(rows.joined())</tbody></table></div></details></section>
            """
    }
}
