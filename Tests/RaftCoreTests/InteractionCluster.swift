import ClusterPrimitives
import Testing

@testable import RaftCore

/// A script's cluster: nodes in one process, and a list of messages that only the script moves.
struct InteractionCluster {
    private var nodes: [InteractionNode] = []
    private var messages: [ScriptMessage] = []
    private var output = ""
    /// At the level `none` nothing is printed but errors.
    private var isQuiet = false

    /// Runs one step and returns what it printed.
    mutating func run(_ step: ScriptStep) -> String {
        output = ""
        let wasQuiet = isQuiet
        if let failure = perform(step) {
            if isQuiet { return failure }
            output += failure
        }
        if step.directive != "log-level" { isQuiet = wasQuiet }
        return output.isEmpty ? "ok" : output
    }

    private mutating func perform(_ step: ScriptStep) -> String? {
        let places = step.numbers.map { Int($0) - 1 }
        if step.directive != "add-nodes", step.directive != "deliver-msgs",
            let wrong = places.first(where: { !nodes.indices.contains($0) })
        {
            // A compaction's index is no node.
            if step.directive != "compact" || wrong == places.first {
                return "no node \(wrong + 1)"
            }
        }
        switch step.directive {
        case "add-nodes": return addNodes(step)
        case "campaign": nodes[places[0]].core.step(.campaign)
        case "propose": return propose(step, at: places[0])
        case "propose-conf-change": return proposeChange(step, at: places[0])
        case "process-ready":
            each(places, "handling Ready") { $0.processReady(at: $1) }
        case "process-append-thread":
            each(places, "processing append thread") { $0.processAppend(at: $1) }
        case "process-apply-thread":
            each(places, "processing apply thread") { $0.processApply(at: $1) }
        case "deliver-msgs": deliver(step)
        case "stabilize":
            if let level = step.values("log-level")?.first { isQuiet = level == "none" }
            stabilize(places.isEmpty ? Array(nodes.indices) : places)
        case "log-level": isQuiet = step.arguments.first?.key.lowercased() == "none"
        case "tick-election": tick(places[0], nodes[places[0]].core.settings.electionTicks)
        case "tick-heartbeat": tick(places[0], nodes[places[0]].core.settings.heartbeatTicks)
        case "set-randomized-election-timeout":
            guard let timeout = step.values("timeout")?.first.flatMap({ Int($0) }) else {
                return "timeout is missing"
            }
            nodes[places[0]].core.electionTimeout = timeout
        case "transfer-leadership": return transferLeadership(step)
        case "forget-leader": nodes[places[0]].core.step(.forgetLeader)
        case "report-unreachable":
            nodes[places[0]].core.step(.reportUnreachable(NodeID(UInt64(places[1] + 1))))
        case "send-snapshot": sendSnapshot(from: places[0], to: places[1])
        case "compact":
            nodes[places[0]].core.storage.compact(through: LogIndex(step.numbers[1]))
            printLog(places[0])
        case "raft-log": printLog(places[0])
        case "raft-state": printState()
        case "status": printProgress(places[0])
        default: return "unknown command"
        }
        return nil
    }

    // MARK: Output

    private mutating func print(_ text: String) {
        if !isQuiet { output += text }
    }

    /// What `body` prints, moved to the right.
    private mutating func indented(_ body: (inout InteractionCluster) -> Void) {
        let before = output
        output = ""
        body(&self)
        var lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        output = before + lines.map { "  " + $0 + "\n" }.joined()
    }

    /// With more than one node each gets a heading.
    private mutating func each(
        _ places: [Int],
        _ heading: String,
        _ body: (inout InteractionCluster, Int) -> Void
    ) {
        for place in places {
            if places.count == 1 {
                body(&self, place)
            } else {
                print("> \(place + 1) \(heading)\n")
                indented { body(&$0, place) }
            }
        }
    }

    // MARK: Rounds

    private mutating func processReady(at place: Int) {
        let (text, sent) = nodes[place].processReady()
        print(text)
        messages += sent
    }

    private mutating func processAppend(at place: Int) {
        let (text, sent) = nodes[place].processAppend()
        print(text)
        messages += sent
    }

    private mutating func processApply(at place: Int) {
        let (text, sent) = nodes[place].processApply()
        print(text)
        messages += sent
    }

    private mutating func stabilize(_ places: [Int]) {
        var moved = true
        while moved {
            moved = false
            for place in places where nodes[place].hasReady {
                print("> \(place + 1) handling Ready\n")
                indented { $0.processReady(at: place) }
                moved = true
            }
            for place in places {
                let id = nodes[place].id
                guard messages.contains(where: { $0.to == .node(id) }) else { continue }
                print("> \(id) receiving messages\n")
                indented { _ = $0.deliver(to: id, type: nil, dropping: false) }
                moved = true
            }
            for place in places where !nodes[place].appendWork.isEmpty {
                print("> \(place + 1) processing append thread\n")
                while !nodes[place].appendWork.isEmpty {
                    indented { $0.processAppend(at: place) }
                }
                moved = true
            }
            for place in places where !nodes[place].applyWork.isEmpty {
                print("> \(place + 1) processing apply thread\n")
                while !nodes[place].applyWork.isEmpty {
                    indented { $0.processApply(at: place) }
                }
                moved = true
            }
        }
    }

    private mutating func deliver(_ step: ScriptStep) {
        let type = step.values("type")?.first
        var count = 0
        for argument in step.arguments {
            if argument.values.isEmpty, let id = UInt64(argument.key) {
                count += deliver(to: NodeID(id), type: type, dropping: false)
            } else if argument.key == "drop" {
                for id in argument.values.compactMap({ UInt64($0) }) {
                    count += deliver(to: NodeID(id), type: type, dropping: true)
                }
            }
        }
        if count == 0 { print("no messages\n") }
    }

    private mutating func deliver(to id: NodeID, type: String?, dropping: Bool) -> Int {
        func isMeant(_ message: ScriptMessage) -> Bool {
            message.to == .node(id) && (type == nil || type == message.type)
                && !(dropping && message.isLocal)
        }
        let meant = messages.filter(isMeant)
        messages.removeAll(where: isMeant)
        for message in meant {
            print((dropping ? "dropped: " : "") + message.text() + "\n")
            let place = Int(id.rawValue) - 1
            guard !dropping, nodes.indices.contains(place) else { continue }
            if let failure = nodes[place].receive(message) { print(failure + "\n") }
        }
        return meant.count
    }

    private mutating func tick(_ place: Int, _ count: Int) {
        for _ in 0..<count { nodes[place].core.step(.tick) }
    }

    // MARK: Clients

    private mutating func propose(_ step: ScriptStep, at place: Int) -> String? {
        guard step.arguments.count > 1 else { return "there is nothing to propose" }
        let payload = Array(step.arguments[1].key.utf8)
        return nodes[place].core.step(.propose([payload])) == nil ? nil : InteractionNode.dropped
    }

    private mutating func proposeChange(_ step: ScriptStep, at place: Int) -> String? {
        var change = ConfigurationChange(
            steps: ScriptText.steps(step.input.joined(separator: " "))
        )
        switch step.values("transition")?.first ?? "auto" {
        case "auto": change.transition = .automatic
        case "implicit": change.transition = .jointAutoLeave
        case "explicit": change.transition = .jointExplicitLeave
        case let other: return "unknown transition \(other)"
        }
        if step.values("v1") == ["true"] {
            guard change.steps.count == 1, change.transition == .automatic else {
                return "v1 conf change can only have one operation and no transition"
            }
            change.transition = .single
        }
        switch nodes[place].core.step(.proposeConfigurationChange(change)) {
        case nil, .unfitChange: return nil
        default: return InteractionNode.dropped
        }
    }

    private mutating func transferLeadership(_ step: ScriptStep) -> String? {
        guard let from = step.values("from")?.first.flatMap({ Int($0) }),
            let to = step.values("to")?.first.flatMap({ UInt64($0) }),
            nodes.indices.contains(from - 1)
        else { return "from and to are needed" }
        nodes[from - 1].core.step(.transferLeadership(to: NodeID(to)))
        return nil
    }

    private mutating func sendSnapshot(from: Int, to: Int) {
        var message = Message(.snapshot, from: nodes[from].id, to: nodes[to].id)
        message.term = nodes[from].core.term
        message.snapshot = nodes[from].newestSnapshot
        messages.append(ScriptMessage(message))
        print(ScriptMessage(message).text())
    }

    // MARK: Setting up and looking

    private mutating func addNodes(_ step: ScriptStep) -> String? {
        func ids(_ key: String) -> [NodeID] {
            (step.values(key) ?? []).compactMap { UInt64($0) }.map { NodeID($0) }
        }
        func number(_ key: String) -> UInt64? { step.values(key)?.first.flatMap { UInt64($0) } }
        func flag(_ key: String) -> Bool { step.values(key) == ["true"] }

        let index = LogIndex(number("index") ?? 0)
        let configuration = Configuration(voters: ids("voters"), learners: ids("learners"))
        let content = Array((step.values("content")?.first ?? "").utf8)
        let isFresh =
            index == .zero && configuration.members.isEmpty && content.isEmpty
        guard isFresh || index.rawValue > 1 else {
            return "index must be specified as > 1 due to bootstrap"
        }
        let snapshot = Snapshot(
            id: SnapshotID(index: index, term: isFresh ? .zero : Term(1)),
            configuration: configuration,
            reference: content
        )
        for _ in 0..<(step.numbers.first ?? 0) {
            let id = NodeID(UInt64(nodes.count + 1))
            var settings = RaftConfiguration(id: id, group: .system, seed: id.rawValue)
            settings.electionTicks = 3
            settings.heartbeatTicks = 1
            settings.preVote = flag("prevote")
            settings.checkQuorum = flag("checkquorum")
            settings.readMode = step.values("read-only") == ["lease-based"] ? .lease : .quorum
            settings.messageBytesMax = .max
            settings.inflightMessagesMax = Int(number("inflight") ?? UInt64(Int32.max))
            settings.inflightBytesMax = .max
            settings.uncommittedBytesMax = .max
            settings.committedBytesMax = number("max-committed-size-per-ready") ?? .max
            settings.asyncStorageWrites = flag("async-storage-writes")
            settings.forwardsProposals = true
            settings.strictChanges = false
            settings.tellsCommitToCandidates = false
            settings.stepsDownOnRemoval = flag("step-down-on-removal")
            settings.acceptsUnfitChanges = flag("disable-conf-change-validation")
            do throws(RaftError) {
                nodes.append(try InteractionNode(settings: settings, snapshot: snapshot))
            } catch {
                return "\(error)"
            }
        }
        return nil
    }

    private mutating func printLog(_ place: Int) {
        let log = nodes[place].core.storage
        if log.lastIndex < log.firstIndex {
            print("log is empty: first index=\(log.firstIndex), last index=\(log.lastIndex)")
        } else {
            print(ScriptText.entries(log.entries))
        }
    }

    private mutating func printState() {
        for node in nodes {
            let status = node.core.status
            let votes = status.configuration.voters.contains(status.id)
            print(
                "\(status.id): \(ScriptText.role(status.role)) (\(votes ? "Voter" : "Non-Voter")) "
                    + "Term:\(status.term) Lead:\(status.lead)\n"
            )
        }
    }

    private mutating func printProgress(_ place: Int) {
        for member in nodes[place].core.status.progress {
            print("\(member.id): " + ScriptText.progress(member.progress) + "\n")
        }
    }
}
