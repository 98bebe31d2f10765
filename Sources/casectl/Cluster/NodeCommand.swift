import ArgumentParser
import CaseClient

/// Nodes that come and go.
struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Take nodes into the cluster, and replace lost ones.",
        subcommands: [Join.self, Replace.self]
    )

    /// `node join`.
    struct Join: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "join",
            abstract: "Take a new node in, and follow it until it holds what it should.",
            discussion: """
                Says first how to start the node; it may be started before or after. Then the cluster
                gives it copies of everything that it should hold, by itself: first it only follows
                (learner), then it votes (voter). With two nodes one votes, because the loss of either
                of two would stop both: the second gets its vote together with the third.

                Interrupting this command stops nothing; the same command again goes on watching.

                EXAMPLES
                  casectl tls node --directory casenode-data/tls --id 2
                  casectl node join --id 2 --peer-address 10.0.0.8:7411
                """
        )

        @Option(help: "The new node's id, which no node of the cluster ever had.")
        var id: UInt64

        @Option(
            help: ArgumentHelp("Where the other nodes will reach it.", valueName: "host:port")
        )
        var peerAddress: String

        @Flag(help: "Do not wait until it holds what it should.")
        var noWait = false

        @OptionGroup var global: GlobalOptions

        func run() async throws {
            try await Session.run(global) { session in
                let added = try await session.client.addNode(id, peerAddress: peerAddress)
                let entry = NodeEntry(id: id, lost: nil, added: added)
                try await entry.show(session, isPlaintext: global.plaintext)
                if !noWait { try await NodeFollower(session: session, node: id).run() }
            }
        }
    }

    /// `node replace`.
    struct Replace: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "replace",
            abstract: "Put a new node in the place of one whose disk is lost, or that is to go.",
            discussion: """
                The new node takes over every replica that the old one had or was to have, as in `node
                join`; when the old one has nothing any more it is removed. Its id is never used again:
                should it come back, it is refused and stops. Restarting a lost node with an empty disk
                under its old id is refused too, since it has forgotten what it promised.

                EXAMPLES
                  casectl tls node --directory tls --id 4
                  casectl node replace --lost 2 --with 4 --peer-address 10.0.0.9:7411
                """
        )

        @Option(help: "The node that is lost, or is to go.")
        var lost: UInt64

        @Option(name: .customLong("with"), help: "The new node's id, above all that were used.")
        var id: UInt64

        @Option(
            help: ArgumentHelp("Where the other nodes will reach it.", valueName: "host:port")
        )
        var peerAddress: String

        @Flag(help: "Do not wait until it has taken over.")
        var noWait = false

        @OptionGroup var global: GlobalOptions

        func validate() throws {
            guard lost > 0, lost != id else {
                throw ValidationError("--lost and --with: two different nodes, 1 and up")
            }
        }

        func run() async throws {
            try await Session.run(global) { session in
                let added = try await session.client.addNode(
                    id,
                    peerAddress: peerAddress,
                    replacing: lost
                )
                let entry = NodeEntry(id: id, lost: lost, added: added)
                try await entry.show(session, isPlaintext: global.plaintext)
                if !noWait { try await NodeFollower(session: session, node: id).run() }
            }
        }
    }
}

/// What the operator of the new node needs to know.
private struct NodeEntry {
    let id: UInt64
    let lost: UInt64?
    let added: AddedNode

    private var join: String {
        added.nodes.filter { $0.nodeID != lost }
            .map { "\($0.nodeID)=\($0.peerAddress)" }.joined(separator: ",")
    }

    func show(_ session: Session, isPlaintext: Bool) async throws {
        let security =
            isPlaintext
            ? "--plaintext"
            : "--peer-certificate ... --peer-key ... --peer-roots ... (casectl tls node)"
        try session.show(
            .object([
                .init("node_id", .unsigned(id)),
                .init("cluster_id", .string(added.clusterID)),
                .init("join", .string(join)),
            ]),
            """
            node \(id) may join; start it in a data directory of its own with
              casenode --node-id \(id) --cluster-id \(added.clusterID) \\
                  --join \(join) \\
                  \(security)

            """
        )
    }
}

/// Shows how a node gets on until it is what it should be.
private struct NodeFollower {
    /// Between two looks, in milliseconds.
    static let milliseconds: Int64 = 500

    let session: Session
    let node: UInt64

    func run() async throws {
        var shown = ""
        while true {
            if let progress = try await look() {
                let text = session.format == .json ? progress.json(node).text : progress.text(node)
                if text != shown { try Terminal.write(text + "\n") }
                shown = text
                if progress.done { return }
            }
            try await Task.sleep(for: .milliseconds(Self.milliseconds))
        }
    }

    /// Nil where nobody can answer just now: a leader may be changing.
    private func look() async throws -> NodeProgress? {
        do throws(CaseClientError) {
            return try await session.client.nodeProgress(node)
        } catch {
            switch error.code {
            case .unavailable, .deadlineExceeded:
                Terminal.note("casectl: \(error); goes on asking")
                return nil
            default: throw error
            }
        }
    }
}

extension NodeProgress {
    /// In a line, as it changes.
    fileprivate func text(_ node: UInt64) -> String {
        guard alive else { return "node \(node) is not there yet" }
        let there = groups.filter(\.isThere)
        if done {
            let rest =
                waitsForThird
                ? "; its vote comes with a third node, since of two voters none may be lost" : ""
            return "node \(node) holds all \(groups.count) groups that it should\(rest)"
        }
        var parts = ["\(there.count) of \(groups.count) groups as they should be"]
        parts += groups.filter { !$0.isThere }.prefix(Self.groupsShown).map(\.text)
        if groups.count - there.count > Self.groupsShown { parts.append("...") }
        if replacing > 0 { parts.append("node \(replacing) still there") }
        return "node \(node): " + parts.joined(separator: "; ")
    }

    /// Groups named in a line, at most: what fits a terminal.
    private static let groupsShown = 4

    fileprivate func json(_ node: UInt64) -> JSONValue {
        .object([
            .init("node_id", .unsigned(node)),
            .init("alive", .bool(alive)),
            .init("done", .bool(done)),
            .init("waits_for_third", .bool(waitsForThird)),
            .init("replacing", replacing == 0 ? .null : .unsigned(replacing)),
            .init("groups", .array(groups.map(\.json))),
        ])
    }
}

extension NodeGroupProgress {
    fileprivate var isThere: Bool { role == wanted && (role != .learner || caughtUp) }

    fileprivate var name: String { group == 0 ? "system" : "shard \(group - 1)" }

    fileprivate var text: String {
        switch role {
        case .none: "\(name) nothing yet"
        case .learner where caughtUp: "\(name) learner, caught up"
        case .learner: "\(name) learner, \(lag) entries behind"
        case .voter: "\(name) voter"
        case .unspecified, .UNRECOGNIZED: "\(name) unknown"
        }
    }

    fileprivate var json: JSONValue {
        .object([
            .init("group", .unsigned(UInt64(group))),
            .init("role", .string(role.name)),
            .init("wanted", .string(wanted.name)),
            .init("lag", .unsigned(lag)),
            .init("caught_up", .bool(caughtUp)),
        ])
    }
}

extension NodeReplicaRole {
    fileprivate var name: String {
        switch self {
        case .none: "none"
        case .learner: "learner"
        case .voter: "voter"
        case .unspecified, .UNRECOGNIZED: "unknown"
        }
    }
}
