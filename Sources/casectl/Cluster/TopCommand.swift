import ArgumentParser
import CaseClient
import ClusterPrimitives
import Foundation

/// `cluster top`.
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch nodes and groups live: leaders, lag, rates, times, disk.",
        discussion: """
            Asks every node for its own figures, through the clients' port; needs an admin's token. In a terminal \
            the page is drawn anew until q or Ctrl-C; elsewhere, with --once and with --output json samples are \
            printed one after the other. Rates are those between two samples.

            EXAMPLES
              casectl cluster top
              casectl cluster top --once
              casectl cluster top --count 60 --interval 10s --output json >> figures.jsonl
            """
    )

    /// The shortest time between two samples: asking oftener shows the asking.
    private static let intervalMin = Duration.milliseconds(100)

    @Option(help: "Between two samples, as 2s or 500ms.")
    var interval = "2s"

    @Option(help: "End after this many samples; without a terminal one, unless told otherwise.")
    var count: Int?

    @Flag(help: "Print one sample.")
    var once = false

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        _ = try pause()
        if let count, count < 1 { throw ValidationError("--count: at least 1") }
        if once, count != nil { throw ValidationError("--once and --count exclude each other") }
    }

    private func pause() throws -> Duration {
        guard let span = TimeSpan(interval), .milliseconds(span.milliseconds) >= Self.intervalMin
        else {
            throw ValidationError("--interval: '\(interval)' is not a time of at least 100ms")
        }
        return .milliseconds(span.milliseconds)
    }

    func run() async throws {
        try await Session.run(global) { session in
            let watcher = TopWatcher(session.client)
            do {
                if once || session.format == .json || !Screen.isPossible {
                    try await printSamples(watcher, session)
                } else {
                    try await live(watcher)
                }
            } catch {
                await watcher.shutdown()
                throw error
            }
            await watcher.shutdown()
        }
    }

    /// Each sample is preceded by an interval, so that it has rates.
    private func printSamples(_ watcher: TopWatcher, _ session: Session) async throws {
        let samples = once ? 1 : count ?? 1
        var before = try await watcher.look()
        for number in 0..<samples {
            try await Task.sleep(for: try pause())
            let now = try await watcher.look()
            let figures = TopFigures(now, after: before)
            if number > 0, session.format == .table { try Terminal.write("\n") }
            try session.show(figures.json, figures.text)
            before = now
        }
    }

    private func live(_ watcher: TopWatcher) async throws {
        let screen = try Screen()
        defer { screen.restore() }
        let (pause, count) = (try pause(), count)
        let drawing = Task {
            var before: TopSample?
            var drawn = 0
            while count.map({ drawn < $0 }) ?? true {
                let page: String
                do {
                    let now = try await watcher.look()
                    page = TopFigures(now, after: before).text
                    before = now
                } catch let error as CaseClientError where error.code == .unavailable {
                    // The cluster may be back in a moment: that is what one looks for.
                    page = "! \(error)\n"
                }
                try screen.draw(
                    "casectl cluster top   \(Times.now)   every \(interval)   q quits\n" + page
                )
                drawn += 1
                try await Task.sleep(for: pause)
            }
        }
        let signals = screen.whenLeft { drawing.cancel() }
        defer { for source in signals { source.cancel() } }
        do {
            try await drawing.value
        } catch is CancellationError {
            // Left as asked.
        } catch let error as CaseClientError where error.code == .cancelled && drawing.isCancelled {
            // Left in the middle of a question.
        }
    }
}
