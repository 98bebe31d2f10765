import ArgumentParser
import Foundation
import HTTP2Transport

/// Certificates for a cluster of one's own.
struct TLSCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tls",
        abstract: "Make and look at certificates. Needs no cluster.",
        subcommands: [Init.self, Node.self, Renew.self, Show.self]
    )

    /// `tls init`.
    struct Init: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init",
            abstract: "Make a certificate authority, a node's and a client's certificate.",
            discussion: """
                Writes ca.pem, ca.key, node.pem, node.key, client.pem and client.key; keys are
                readable by their owner alone. Nothing is overwritten. Nodes trust whoever this
                authority signed for, so keep ca.key off them; it is needed again to add nodes only.

                EXAMPLES
                  casectl tls init --directory casenode-data/tls
                  casectl tls init --directory tls --hosts case1.example.com,10.0.0.7
                """
        )

        @Option(help: "Where to; made if it is not there.")
        var directory: String

        @Option(help: "Names and addresses under which nodes are reached, separated by commas.")
        var hosts: String = "localhost,127.0.0.1,::1"

        @Option(help: "Valid for so many days, 1 to 3,650.")
        var days: Int = 825

        @Option(help: "A name for the authority.")
        var name: String = "CaseCluster CA"

        func validate() throws {
            guard (1...3_650).contains(days) else { throw ValidationError("--days: 1 to 3,650") }
            guard !hostList.isEmpty else { throw ValidationError("--hosts: name at least one") }
        }

        private var hostList: [String] {
            hosts.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
                .filter { !$0.isEmpty }
        }

        func run() async throws {
            try Session.local {
                let kit = CertificateKit(directory: directory)
                try kit.write(hosts: hostList, days: days, authority: name)
                for file in CertificateKit.fileNames {
                    try Terminal.write("\(directory)/\(file)\n")
                }
            }
        }
    }

    /// `tls node`.
    struct Node: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "node",
            abstract: "Make the certificate of one node of a cluster of several.",
            discussion: """
                Signs with the ca.pem and ca.key that `tls init` wrote into the directory, and writes
                node-ID.pem and node-ID.key beside them. The certificate names the node and its
                cluster, which is how nodes know each other; it serves its clients as well. Give it
                to casenode as --certificate and --peer-certificate, its key as --key and --peer-key,
                and ca.pem as --peer-roots.

                EXAMPLES
                  casectl tls init --directory tls
                  casectl tls node --directory tls --id 1 --hosts case1.example.com,10.0.0.7
                """
        )

        @Option(help: "Where the authority is; the certificate goes there too.")
        var directory: String

        @Option(help: "The node's id, 1 and up, as casenode's --node-id has it.")
        var id: UInt64

        @Option(help: "Names and addresses under which clients reach it, separated by commas.")
        var hosts: String = "localhost,127.0.0.1,::1"

        @Option(help: "The cluster's name, as casenode's --cluster-token has it.")
        var cluster: String = "casecluster"

        @Option(help: "Valid for so many days, 1 to 3,650.")
        var days: Int = 825

        func validate() throws {
            guard (1...3_650).contains(days) else { throw ValidationError("--days: 1 to 3,650") }
            guard id > 0 else { throw ValidationError("--id: 1 and up") }
        }

        func run() async throws {
            try Session.local {
                let hosts = hosts.split(separator: ",")
                    .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
                let kit = CertificateKit(directory: directory)
                let files = try kit.writeNode(id: id, cluster: cluster, hosts: hosts, days: days)
                for file in files { try Terminal.write("\(directory)/\(file)\n") }
            }
        }
    }

    /// `tls renew`.
    struct Renew: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "renew",
            abstract: "Make certificates valid for longer: the same keys and names.",
            discussion: """
                Signs with the ca.pem and ca.key in the directory, and puts the new certificate in the
                place of the old one; keys stay as they are. Without --id or --authority: every
                certificate in the directory but the authority's own. A node that runs takes a renewed
                file by itself, within 10 s, without a restart.

                An authority that has expired comes first; then its ca.pem goes to every node and every
                client, and the certificates that it has signed stay good.

                EXAMPLES
                  casectl tls renew --directory tls
                  casectl tls renew --directory tls --id 2
                  casectl tls renew --directory tls --authority
                """
        )

        @Option(help: "Where the authority and the certificates are.")
        var directory: String

        @Option(help: "Only this node's certificate, node-ID.pem.")
        var id: UInt64?

        @Flag(help: "Only the authority's own certificate, ca.pem.")
        var authority = false

        @Option(help: "Valid for so many days from now on, 1 to 3,650.")
        var days: Int = 825

        func validate() throws {
            guard (1...3_650).contains(days) else { throw ValidationError("--days: 1 to 3,650") }
            guard id == nil || !authority else {
                throw ValidationError("--id and --authority exclude each other")
            }
        }

        func run() async throws {
            try Session.local {
                let renewal = CertificateRenewal(directory: directory, days: days)
                let renewed =
                    if authority { try renewal.renewAuthority() } else if let id {
                        try renewal.renew(["node-\(id).pem"])
                    } else { try renewal.renew(try renewal.certificates()) }
                for (file, until) in renewed {
                    try Terminal.write("\(directory)/\(file) until \(Times.text(until))\n")
                }
            }
        }
    }

    /// `tls show`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show whom a certificate names, and until when."
        )

        @Argument(help: "A PEM file.", completion: .file())
        var file: String

        @Option(help: "A table for people, or JSON for programs.")
        var output: OutputFormat = .table

        func run() async throws {
            try Session.local {
                let summaries = try CertificateSummary.read(file)
                for (index, summary) in summaries.enumerated() {
                    switch output {
                    case .json: try Terminal.write(summary.json.text + "\n")
                    case .table: try Terminal.write((index > 0 ? "\n" : "") + summary.text)
                    }
                }
            }
        }
    }
}
