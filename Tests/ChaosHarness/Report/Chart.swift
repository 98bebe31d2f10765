/// Faults over time, and under them the rate and the latency of the calls, on one axis: SVG.
struct Chart {
    let report: ChaosReport
    let timeline: Timeline
    private let kinds: [FaultKind]

    private enum Size {
        static let width = 1_120.0
        static let left = 118.0
        static let right = 16.0
        static let lane = 19.0
        static let bar = 13.0
        static let top = 8.0
        static let rate = 150.0
        static let latency = 130.0
        static let between = 34.0
        static let axis = 26.0
    }

    /// Latencies are drawn between these, in microseconds, each line ten times the one below.
    private static let latencyLow = 1_000.0
    private static let latencyDecades = 4.0

    init(_ report: ChaosReport) {
        self.report = report
        timeline = Timeline(report.samples, until: max(1, report.drawnUntil))
        let met = report.met
        kinds = FaultKind.allCases.filter { met[$0] != nil }
    }

    private var lanesHeight: Double { Size.top + Double(max(1, kinds.count)) * Size.lane }
    private var rateTop: Double { lanesHeight + Size.between }
    private var latencyTop: Double { rateTop + Size.rate + Size.between }
    private var bottom: Double { latencyTop + Size.latency }
    private var inner: Double { Size.width - Size.left - Size.right }
    private var end: Double { Double(timeline.buckets.count) * Double(timeline.bucketMicroseconds) }

    private func x(_ time: Int64) -> Double { Size.left + inner * min(1, Double(time) / end) }

    /// The whole drawing.
    var svg: String {
        let height = Markup.number(bottom + Size.axis)
        return """
            <svg viewBox="0 0 \(Int(Size.width)) \(height)" role="img" \
            aria-label="Faults over time with rate and latency of calls">
            \(grid)\(lanes)\(rates)\(latencies)
            </svg>
            """
    }

    // MARK: The axis

    /// Whole steps that leave between five and a dozen lines.
    private var step: Int64 {
        let seconds = Int64(end / 1_000_000)
        let steps: [Int64] = [5, 10, 15, 30, 60, 120, 300, 600, 1_800]
        return (steps.first { seconds / $0 <= 12 } ?? 3_600) * 1_000_000
    }

    private var grid: String {
        var lines = ""
        var time: Int64 = 0
        while Double(time) <= end {
            let place = Markup.number(x(time))
            lines += """
                <line class="grid" x1="\(place)" x2="\(place)" y1="\(Markup.number(Size.top))" \
                y2="\(Markup.number(bottom))"/>\
                <text class="tick" x="\(place)" y="\(Markup.number(bottom + 17))" \
                text-anchor="middle">\(Markup.clock(time))</text>\n
                """
            time += step
        }
        return lines
    }

    // MARK: Faults

    private var lanes: String {
        var drawing = ""
        for (row, kind) in kinds.enumerated() {
            let top = Size.top + Double(row) * Size.lane
            let middle = Markup.number(top + Size.lane / 2 + 4)
            drawing += """
                <text class="name" x="\(Markup.number(Size.left - 10))" y="\(middle)" \
                text-anchor="end">\(kind.rawValue)</text>\n
                """
            let line = Markup.number(top + Size.lane)
            drawing += """
                <line class="lane" x1="\(Markup.number(Size.left))" \
                x2="\(Markup.number(Size.width - Size.right))" y1="\(line)" y2="\(line)"/>\n
                """
            for made in report.made where made.fault.kind == kind {
                drawing += bar(made, top: top + (Size.lane - Size.bar) / 2)
            }
        }
        return drawing
    }

    private func bar(_ made: Journal.Made, top: Double) -> String {
        let from = x(made.from)
        // Seen also where it was over at once.
        let width = max(2.5, x(made.to ?? report.ended) - from)
        let silence = report.silence(during: made)
        let words =
            "\(Markup.clock(made.from)) \(made.fault.summary); longest time without a write \(silence) ms"
        return """
            <rect class="\(made.fault.kind.means.name)" x="\(Markup.number(from))" \
            y="\(Markup.number(top))" width="\(Markup.number(width))" \
            height="\(Markup.number(Size.bar))" rx="2"><title>\(Markup.escape(words))</title></rect>\n
            """
    }

    // MARK: Rate

    private var rateMax: Double {
        let highest = timeline.buckets.map { timeline.rate($0.answered) }.max() ?? 1
        let steps = [
            10.0, 20, 30, 50, 80, 120, 200, 300, 400, 600, 1_000, 2_000, 5_000, 10_000, 20_000,
        ]
        return steps.first { $0 >= highest } ?? highest
    }

    private var rates: String {
        let highest = rateMax
        var drawing = panel(
            "calls a second",
            top: rateTop,
            height: Size.rate,
            lines: [0, 0.5, 1].map { ($0, Markup.grouped(Int(highest * $0))) }
        )
        let width = inner / Double(timeline.buckets.count)
        func height(_ count: Int) -> Double {
            min(1, timeline.rate(count) / highest) * Size.rate
        }
        let base = rateTop + Size.rate
        var area = "M\(Markup.number(Size.left)) \(Markup.number(base))"
        for (place, bucket) in timeline.buckets.enumerated() {
            let left = Size.left + Double(place) * width
            let top = Markup.number(base - height(bucket.answered))
            area += "L\(Markup.number(left)) \(top)L\(Markup.number(left + width)) \(top)"
        }
        area += "L\(Markup.number(Size.left + inner)) \(Markup.number(base))Z"
        drawing += "<path class=\"done\" d=\"\(area)\"/>\n"
        for (place, bucket) in timeline.buckets.enumerated() {
            let left = Markup.number(Size.left + Double(place) * width)
            var top = base
            for (count, name) in [(bucket.unknown, "unknown"), (bucket.failed, "failed")]
            where count > 0 {
                let tall = max(2, height(count))
                top -= tall
                drawing += """
                    <rect class="\(name)" x="\(left)" y="\(Markup.number(top))" \
                    width="\(Markup.number(max(1.2, width)))" height="\(Markup.number(tall))"/>\n
                    """
            }
        }
        return drawing
    }

    // MARK: Latency

    private func latencyY(_ microseconds: Int64) -> Double {
        let decades = Self.log10(max(Self.latencyLow, Double(microseconds)) / Self.latencyLow)
        let share = min(1, decades / Self.latencyDecades)
        return latencyTop + Size.latency * (1 - share)
    }

    /// By halving: the only logarithm here, and no library for it.
    private static func log10(_ value: Double) -> Double {
        var (whole, rest) = (0.0, value)
        while rest >= 10 { (whole, rest) = (whole + 1, rest / 10) }
        var (result, part, base) = (whole, 0.5, rest)
        for _ in 0..<16 {
            base *= base
            if base >= 10 { (result, base) = (result + part, base / 10) }
            part /= 2
        }
        return result
    }

    private var latencies: String {
        let names = ["1 ms", "10 ms", "100 ms", "1 s", "10 s"]
        var drawing = panel(
            "latency",
            top: latencyTop,
            height: Size.latency,
            lines: names.enumerated().map { (Double($0.offset) / Self.latencyDecades, $0.element) }
        )
        drawing += line("slow") { $0.slow }
        drawing += line("middle") { $0.middle }
        return drawing
    }

    /// Broken where nothing was answered.
    private func line(_ name: String, _ value: (Timeline.Bucket) -> Int64?) -> String {
        let width = inner / Double(timeline.buckets.count)
        var path = ""
        var isBroken = true
        for (place, bucket) in timeline.buckets.enumerated() {
            guard let found = value(bucket) else {
                isBroken = true
                continue
            }
            let left = Markup.number(Size.left + (Double(place) + 0.5) * width)
            path += "\(isBroken ? "M" : "L")\(left) \(Markup.number(latencyY(found)))"
            isBroken = false
        }
        return "<path class=\"line \(name)\" d=\"\(path)\"/>\n"
    }

    private func panel(
        _ title: String,
        top: Double,
        height: Double,
        lines: [(share: Double, name: String)]
    ) -> String {
        var drawing = """
            <text class="title" x="\(Markup.number(Size.left))" \
            y="\(Markup.number(top - 9))">\(title)</text>\n
            """
        for line in lines {
            let place = top + height * (1 - line.share)
            drawing += """
                <line class="lane" x1="\(Markup.number(Size.left))" \
                x2="\(Markup.number(Size.width - Size.right))" y1="\(Markup.number(place))" \
                y2="\(Markup.number(place))"/>\
                <text class="tick" x="\(Markup.number(Size.left - 10))" \
                y="\(Markup.number(place + 4))" text-anchor="end">\(line.name)</text>\n
                """
        }
        return drawing
    }
}

extension FaultKind.Means {
    /// Its class in the page's style.
    var name: String {
        switch self {
        case .process: "process"
        case .cuts: "cuts"
        case .quality: "quality"
        case .clock: "clock"
        case .disk: "disk"
        }
    }
}
