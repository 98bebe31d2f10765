import CaseProtocol
import Foundation
import RPC
import Testing

@testable import CaseNode

@Suite(.serialized, .timeLimit(.minutes(2))) struct MetricsTests {
    private static let documentation = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(
            path: "Deploy/metrics.md"
        )

    /// What is exported is documented, in the same words, and the other way round.
    @Test func thePageAndItsDocumentationAreOne() throws {
        let text = try String(contentsOf: Self.documentation, encoding: .utf8)
        let rows = text.split(separator: "\n").filter { line in
            ["| `casecluster_", "| `process_"].contains { line.hasPrefix($0) }
        }
        #expect(rows.map(String.init) == MetricFamily.all.map(\.row))
        #expect(Set(MetricFamily.all.map(\.name)).count == MetricFamily.all.count)
        for family in MetricFamily.all {
            #expect(family.help.hasSuffix(".") && !family.help.contains("\n"), "\(family.name)")
            #expect(family.name.hasSuffix("_total") == (family.kind == .counter), "\(family.name)")
        }
    }

    /// Three nodes that have done a little of everything export every metric that there is, and no other.
    @Test func aLiveNodeExportsEachMetric() async throws {
        let rig = try await ClusterRig.start(shards: 2)
        let token = try rig.adminToken()
        let supervisor = try await rig.nodes[0].addVia(token, "sam", .supervisor)
        for node in rig.nodes {
            for number in 0..<4 { _ = try await node.create("case \(number)", token: supervisor) }
        }
        var exported: Set<String> = []
        for node in rig.nodes {
            let page = try await Self.page(of: node.node)
            try Self.check(page)
            exported.formUnion(page.samples.map(\.family))
        }
        #expect(exported == Set(MetricFamily.all.map(\.name)))
        // Counts show what is committed; a leader's transaction may stay open for a moment.
        var pages = try await rig.nodes.asyncMap { try await Self.page(of: $0.node) }
        // And who leads may change between two nodes' pages.
        while pages.reduce(0, { $0 + $1.sum("casecluster_cases") }) < 12
            || pages.reduce(0, { $0 + $1.sum("casecluster_group_is_leader") }) != 3
        {
            pages = try await rig.nodes.asyncMap { try await Self.page(of: $0.node) }
        }
        #expect(pages.reduce(0) { $0 + $1.sum("casecluster_cases") } == 12)
        #expect(pages.reduce(0) { $0 + $1.sum("casecluster_group_is_leader") } == 3)
        #expect(pages.allSatisfy { $0.sum("casecluster_node_ready") == 1 })
        #expect(pages.allSatisfy { $0.sum("casecluster_log_sync_seconds_count") > 0 })
        #expect(pages.reduce(0) { $0 + $1.sum("casecluster_command_commit_seconds_count") } >= 12)
        let created = pages.flatMap(\.samples).filter {
            $0.line.hasPrefix(
                #"casecluster_calls_total{method="casecluster.v1.Cases/Create",code="OK"}"#
            )
        }
        #expect(created.reduce(0) { $0 + $1.value } == 12)
        // Figures for `casectl cluster top` are the same, for admins.
        let loads: [PBLoadResponse] = try await rig.nodes.asyncMap {
            try await $0.call("Cluster/Load", PBLoadRequest(), token: token)
        }
        #expect(loads.allSatisfy { $0.groups.map(\.group) == [0, 1, 2] && $0.syncs > 0 })
        // One node may lead nothing, and propose nothing.
        #expect(loads.reduce(0) { $0 + $1.commands } >= 12)
        let refused = await #expect(throws: Refused.self) {
            let _: PBLoadResponse = try await rig.nodes[0].call(
                "Cluster/Load",
                PBLoadRequest(),
                token: supervisor
            )
        }
        #expect(refused?.code == .permissionDenied)
        try await rig.stop()
    }

    @Test func aHistogramCountsEachOnceInItsBucket() {
        let histogram = Histogram()
        let bounds = Histogram.boundsNanoseconds
        #expect(bounds == bounds.sorted() && Set(bounds).count == bounds.count)
        histogram.observe(nanoseconds: 0)
        histogram.observe(nanoseconds: bounds[0])
        histogram.observe(nanoseconds: bounds[0] + 1, times: 3)
        histogram.observe(nanoseconds: .max / 2)
        let counts = histogram.value
        #expect(counts.buckets.first == 2 && counts.buckets[1] == 3 && counts.buckets.last == 1)
        #expect(counts.count == 6)
    }

    @Test func labelsAreEscaped() {
        var page = MetricPage()
        page.add(.info, "1", "a\"b\\c\nd", "v", value: 1)
        #expect(page.text.contains(#"{node="1",cluster="a\"b\\c\nd",version="v"} 1"#))
    }

    // MARK: A page as a scraper reads it

    private struct Sample {
        let family: String
        let line: String
        let value: Double
    }

    private struct Page {
        var types: [String: String] = [:]
        var helps: [String: String] = [:]
        var samples: [Sample] = []

        func sum(_ name: String) -> Double {
            samples.filter { $0.line.hasPrefix(name + "{") || $0.line.hasPrefix(name + " ") }
                .reduce(0) { $0 + $1.value }
        }
    }

    private static func page(of node: Node) async throws -> Page {
        let address = try #require(node.operationsAddress)
        let target = try #require(RPCTarget(address))
        let answer = try await OperationsProbe.get(
            "/metrics",
            host: target.host,
            port: target.port,
            bytesMax: 4 << 20
        )
        #expect(answer.status == 200)
        var page = Page()
        for line in answer.text.split(separator: "\n").map(String.init) {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# HELP ") {
                page.helps[words[2]] = words[3]
            } else if line.hasPrefix("# TYPE ") {
                page.types[words[2]] = words[3]
            } else {
                let name = String(line.prefix { $0 != "{" && $0 != " " })
                let value = try #require(line.split(separator: " ").last.flatMap { Double($0) })
                let family = ["_bucket", "_sum", "_count"].lazy
                    .filter { name.hasSuffix($0) }.map { String(name.dropLast($0.count)) }
                    .first { page.types[$0] == "histogram" }
                page.samples.append(Sample(family: family ?? name, line: line, value: value))
            }
        }
        return page
    }

    private static func check(_ page: Page) throws {
        #expect(Set(page.types.keys) == Set(MetricFamily.all.map(\.name)))
        for family in MetricFamily.all {
            #expect(page.types[family.name] == family.kind.rawValue)
            #expect(page.helps[family.name] == family.help)
        }
        let lines = page.samples.map { $0.line.prefix { $0 != "}" } }
        #expect(Set(lines).count == lines.count, "no sample twice")
    }
}

extension Array {
    fileprivate func asyncMap<Value>(
        _ body: (Element) async throws -> Value
    ) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await body(element)) }
        return values
    }
}
