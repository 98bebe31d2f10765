/// What one follower of the feed saw.
struct FeedHistory: Sendable {
    struct Event: Hashable, Sendable {
        var caseID: String
        var version: UInt64
    }

    /// In the order in which they came.
    var events: [Event] = []

    /// Each version of each case once and in order: nothing missed, nothing twice.
    /// `final` has the versions of all cases, in the end.
    func violations(of follower: String, final: [String: UInt64]) -> [Violation] {
        var last: [String: UInt64] = [:]
        var found: [Violation] = []
        func report(_ event: Event, _ message: String, _ place: Int) {
            let near = events[max(0, place - 6)...min(events.count - 1, place)]
                .filter { $0.caseID == event.caseID }
            found.append(
                Violation(
                    check: "feed",
                    subject: "\(follower), case \(event.caseID)",
                    message: message,
                    operations: near.map { "version \($0.version)" }
                )
            )
        }
        for (place, event) in events.enumerated() {
            let before = last[event.caseID] ?? 0
            if event.version <= before {
                report(event, "version \(event.version) comes after \(before)", place)
            } else if event.version > before + 1 {
                report(event, "version \(event.version) comes right after \(before)", place)
            }
            last[event.caseID] = max(before, event.version)
        }
        for (id, version) in final.sorted(by: { $0.key < $1.key }) where last[id] ?? 0 < version {
            found.append(
                Violation(
                    check: "feed",
                    subject: "\(follower), case \(id)",
                    message: "it ends with version \(last[id] ?? 0) of \(version)"
                )
            )
        }
        return found
    }
}
