import ClusterPrimitives

@testable import RaftCore

/// A group of replicas over a network that loses, repeats and reorders, and what must always hold.
///
/// The judge knows nothing of the core's own counting: it looks at disks and at what was applied.
struct SimulatedGroup {
    private(set) var replicas: [SimulatedReplica] = []
    private var network: [Message] = []
    private var random: SeededGenerator
    private let initialVoters: [NodeID]
    /// Pairs between which nothing gets through.
    private var cut: Set<[NodeID]> = []

    /// The one history: what any replica has applied, by index.
    private(set) var history: [Entry] = []
    /// Who led which term.
    private var leaders: [Term: NodeID] = [:]
    /// Reads that wait, with the least index that they may be given.
    private var reads: [[UInt8]: (at: NodeID, least: LogIndex)] = [:]
    private var counter: UInt64 = 0
    private(set) var readsAnswered = 0
    private(set) var changesMade = 0
    private(set) var snapshotsSent = 0
    private(set) var faults: [String] = []

    init(nodes: UInt64, voters: UInt64, seed: UInt64) throws(RaftError) {
        random = SeededGenerator(seed: seed)
        initialVoters = (1...voters).map { NodeID($0) }
        let configuration = Configuration(voters: initialVoters)
        for id in 1...nodes {
            var settings = RaftConfiguration(id: NodeID(id), group: .system, seed: random.next())
            settings.preVote = seed % 2 == 0
            settings.checkQuorum = seed % 3 != 0
            settings.asyncStorageWrites = seed % 4 < 2
            settings.messageBytesMax = 120
            settings.inflightMessagesMax = 4
            settings.inflightBytesMax = 400
            settings.committedBytesMax = 200
            settings.uncommittedBytesMax = 400
            replicas.append(try SimulatedReplica(settings: settings, configuration: configuration))
        }
    }

    private mutating func below(_ bound: Int) -> Int {
        Int.random(in: 0..<bound, using: &random)
    }

    // MARK: One move

    /// Draws one thing to happen, lets it happen and judges.
    mutating func move() throws(RaftError) {
        let place = below(replicas.count)
        switch below(100) {
        case ..<5: replicas[place].step(.tick)
        case ..<51: for _ in 0...below(3) { deliver() }
        case ..<68: replicas[place].sync(1 + below(3), merging: below(2) == 0)
        case ..<82: apply(place, 1 + below(4))
        case ..<88: propose(place)
        case ..<91: read(place)
        case ..<93: proposeChange(place)
        case ..<95: replicas[place].compact()
        case ..<96: replicas[place].step(.reportSnapshot(anybody(), arrived: below(2) == 0))
        case ..<97: replicas[place].step(.reportUnreachable(anybody()))
        default: try disturb(place)
        }
        flush(place)
        for place in replicas.indices { judgeRole(place) }
        for replica in replicas where !replica.faults.isEmpty {
            faults += replica.faults.map { "node \(replica.id): \($0)" }
        }
    }

    private mutating func disturb(_ place: Int) throws(RaftError) {
        switch below(8) {
        case ..<2: try crash(place)
        case ..<4: partition(place)
        case ..<5: transfer(place)
        case ..<6: replicas[place].step(.forgetLeader)
        case ..<7: replicas[place].step(.campaign)
        default: network.removeAll()
        }
    }

    private mutating func anybody() -> NodeID { replicas[below(replicas.count)].id }

    private mutating func flush(_ place: Int) {
        let (messages, granted) = replicas[place].flush()
        for message in messages {
            if message.kind == .snapshot { snapshotsSent += 1 }
            if isCut(message.from, message.to) { continue }
            network.append(message)
            if below(20) == 0 { network.append(message) }
        }
        for state in granted {
            guard let read = reads.removeValue(forKey: state.context) else { continue }
            readsAnswered += 1
            if state.index < read.least {
                faults.append("a read got \(state.index) and \(read.least) was acknowledged before")
            }
        }
    }

    private func isCut(_ left: NodeID, _ right: NodeID) -> Bool {
        cut.contains([min(left, right), max(left, right)])
    }

    private mutating func deliver() {
        guard !network.isEmpty else { return }
        let message = network.remove(at: below(min(network.count, 6)))
        if below(30) == 0 { return }
        guard let place = replicas.firstIndex(where: { $0.id == message.to }) else { return }
        // Over the wire and back: what the encoding loses shows here.
        guard let copy = Self.throughTheWire(message) else {
            faults.append("a message can't be read back: \(message)")
            return
        }
        replicas[place].step(.received(copy))
        flush(place)
    }

    private static func throughTheWire(_ message: Message) -> Message? {
        do throws(DecodingFault) {
            let copy = try Message(decoding: message.encodedBytes)
            return copy == message ? copy : nil
        } catch {
            return nil
        }
    }

    private mutating func apply(_ place: Int, _ count: Int) {
        for entry in replicas[place].apply(count) {
            let known = Int(entry.index.rawValue) - 1
            if known < history.count {
                if history[known] != entry {
                    faults.append("index \(entry.index) was applied with two contents")
                }
            } else {
                judgeCommit(entry)
                history.append(entry)
                if entry.kind == .configurationChange { changesMade += 1 }
            }
        }
    }

    // MARK: Clients and faults

    private mutating func propose(_ place: Int) {
        counter += 1
        var writer = ByteWriter()
        writer.write(counter)
        writer.write([UInt8](repeating: 7, count: below(40)))
        let leader = replicas.firstIndex { $0.core.role == .leader }
        replicas[below(4) == 0 ? place : leader ?? place].step(.propose([writer.bytes]))
    }

    private mutating func read(_ place: Int) {
        counter += 1
        var writer = ByteWriter()
        writer.write(counter)
        let id = replicas[place].id
        reads[writer.bytes] = (id, LogIndex(UInt64(history.count)))
        replicas[place].step(.readIndex(context: writer.bytes))
    }

    private mutating func proposeChange(_ place: Int) {
        let actions: [ConfigurationChange.Action] = [.addVoter, .addLearner, .remove]
        var steps: [ConfigurationChange.Step] = []
        for _ in 0...below(3) { steps.append(.init(actions[below(3)], anybody())) }
        let transitions: [ConfigurationChange.Transition] = [
            .automatic, .jointAutoLeave, .jointExplicitLeave,
        ]
        let change =
            below(3) == 0
            ? .leaveJoint : ConfigurationChange(transition: transitions[below(3)], steps: steps)
        replicas[place].step(.proposeConfigurationChange(change))
    }

    private mutating func transfer(_ place: Int) {
        replicas[place].step(.transferLeadership(to: anybody()))
    }

    private mutating func crash(_ place: Int) throws(RaftError) {
        let surviving = below(replicas[place].writesPending + 1)
        try replicas[place].crash(survivingWrites: surviving, seed: random.next())
    }

    private mutating func partition(_ place: Int) {
        if below(3) > 0 {
            cut = []
        } else {
            let one = replicas[place].id
            for other in replicas.map(\.id) where other != one && below(2) == 0 {
                cut.insert([min(one, other), max(one, other)])
            }
        }
    }

    /// Ends all faults and lets the group run until everybody who belongs to it has everything.
    mutating func heal(rounds: Int) -> Bool {
        cut = []
        for _ in 0..<rounds {
            for place in replicas.indices {
                replicas[place].step(.tick)
                // As a transport does for each snapshot that it could not deliver.
                for member in replicas.map(\.id) {
                    replicas[place].step(.reportSnapshot(member, arrived: false))
                }
                flush(place)
            }
            for _ in 0..<6 {
                for place in replicas.indices {
                    replicas[place].sync(.max, merging: false)
                    flush(place)
                    apply(place, .max)
                    flush(place)
                }
                let all = network
                network = []
                for message in all {
                    guard let place = replicas.firstIndex(where: { $0.id == message.to }) else {
                        continue
                    }
                    replicas[place].step(.received(message))
                    flush(place)
                }
            }
            if isSettled { return true }
        }
        return false
    }

    /// For a failure's message: every replica in a line.
    var summary: String {
        replicas.map { replica in
            let status = replica.core.status
            let members = status.progress.map { "\($0.id) " + ScriptText.progress($0.progress) }
            return "\(status.id) \(status.role) term=\(status.term) lead=\(status.lead) "
                + "commit=\(status.commit) applied=\(status.applied) last=\(status.lastIndex) "
                + "durable=\(status.durableIndex) \(status.configuration) \(members)"
        }.joined(separator: "\n")
    }

    private var isSettled: Bool {
        guard let leader = replicas.first(where: { $0.core.role == .leader }),
            leader.core.status.commit == leader.core.status.lastIndex
        else { return false }
        let members = leader.core.configuration.members
        guard members.contains(leader.id), !leader.core.configuration.autoLeave else {
            return false
        }
        return replicas.allSatisfy {
            !members.contains($0.id) || $0.state.last == leader.core.log.last
        }
    }

    // MARK: Judging

    /// At most one leader a term.
    private mutating func judgeRole(_ place: Int) {
        let core = replicas[place].core
        guard core.role == .leader else { return }
        if let known = leaders[core.term], known != core.id {
            faults.append("term \(core.term) has the leaders \(known) and \(core.id)")
        }
        leaders[core.term] = core.id
    }

    /// The first replica to apply an entry: a quorum must have it on disk.
    ///
    /// A change is in force once the leader has applied it, and only one may be committed and not
    /// yet applied: the quorum is that of all changes before the entry, or of all but the last.
    private mutating func judgeCommit(_ entry: Entry) {
        let holders = replicas.filter { replica in
            replica.disk.log.term(at: entry.index) == entry.term
                || replica.disk.log.base.index >= entry.index
        }.map(\.id)
        let before = history.prefix(Int(entry.index.rawValue) - 1)
        let lastChange = before.lastIndex { $0.kind == .configurationChange } ?? before.startIndex
        let candidates = [before, before.prefix(lastChange)].map { configuration(after: $0) }
        let isHeld = candidates.contains { configuration in
            configuration.voters.voteResult { holders.contains($0) } == .won
        }
        if !isHeld {
            faults.append("\(entry.index) was committed with \(holders) of \(candidates)")
        }
    }

    /// The membership that the history leads to, by a changer of the judge's own keeping.
    private func configuration(after entries: ArraySlice<Entry>) -> Configuration {
        var configuration = Configuration(voters: initialVoters)
        for entry in entries {
            guard let change = ConfigurationChange(of: entry) else { continue }
            var table = ProgressTable(inflightMessagesMax: 1, inflightBytesMax: 1)
            for member in configuration.members {
                table[member] = table.newcomer(
                    next: LogIndex(1),
                    isLearner: configuration.learners.contains(member),
                    recentActive: false
                )
            }
            let changer = ConfigurationChanger(
                configuration: configuration,
                progress: table,
                lastIndex: .zero
            )
            do throws(ConfigurationChangeError) {
                configuration = try changer.apply(change).configuration
            } catch {
                continue
            }
        }
        return configuration
    }

    /// Two logs that have an entry of one term in common are equal up to it.
    mutating func judgeLogs() {
        for left in replicas {
            for right in replicas where left.id < right.id {
                let first = max(left.disk.log.firstIndex, right.disk.log.firstIndex)
                var last = min(left.disk.log.lastIndex, right.disk.log.lastIndex)
                while last >= first, left.disk.log.term(at: last) != right.disk.log.term(at: last) {
                    last = last.previous
                }
                guard last >= first else { continue }
                let ours = left.disk.log.entries(from: first, through: last, bytesMax: .max)
                let theirs = right.disk.log.entries(from: first, through: last, bytesMax: .max)
                if ours != theirs {
                    faults.append("the logs of \(left.id) and \(right.id) differ below \(last)")
                }
            }
        }
    }
}
