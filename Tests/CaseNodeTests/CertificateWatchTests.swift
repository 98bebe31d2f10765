import Foundation
import HTTP2Transport
import Logging
import Synchronization
import Testing

@testable import CaseNode

/// Renewed files are taken while a node runs, and nobody is surprised by an expiry.
@Suite struct CertificateWatchTests {
    private static let day: Int64 = 86_400

    private final class Log: LogHandler, Sendable {
        private let kept = Mutex<[String]>([])
        var lines: [String] { kept.withLock { $0 } }
        var metadata: Logger.Metadata {
            get { [:] }
            set { _ = newValue }
        }
        var logLevel: Logger.Level {
            get { .info }
            set { _ = newValue }
        }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set { _ = (key, newValue) }
        }

        func log(event: LogEvent) {
            kept.withLock { $0.append("\(event.level): \(event.message)") }
        }
    }

    private struct Scene {
        let folder = NSTemporaryDirectory() + "casecluster-watch-" + UUID().uuidString
        let log = Log()
        var certificate: String { folder + "/node.pem" }
        var key: String { folder + "/node.key" }

        init() throws {
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: false
            )
        }

        func put(days: Int) throws {
            let authority = try CertificateAuthority.make(commonName: "a", days: days)
            let issued = try authority.issue(
                CertificateRequest(
                    commonName: "node",
                    dnsNames: ["node.test"],
                    usage: .both,
                    days: days
                )
            )
            try Data(issued.certificatePEM).write(to: URL(filePath: certificate))
            try Data(issued.keyPEM).write(to: URL(filePath: key))
        }

        func watch(daysFromNow days: Int64 = 0) throws -> CertificateWatch {
            let logger = Logger(label: "test") { _ in log }
            let now = Int64(Date().timeIntervalSince1970) + days * CertificateWatchTests.day
            let watch = CertificateWatch(logger: logger, now: { now })
            watch.add(
                try TLSContext(.server(certificate: .file(certificate), key: .file(key)))
            )
            return watch
        }

        func remove() throws { try FileManager.default.removeItem(atPath: folder) }
    }

    @Test(
        arguments: [
            (0, "good"), (300, "good"), (334, "good"), (336, "expiresSoon"), (364, "expiresSoon"),
            (366, "expired"), (-1, "notYetValid"),
        ] as [(Int64, String)]
    )
    func aYearsCertificate(day: Int64, standing: String) throws {
        let scene = try Scene()
        defer { #expect(throws: Never.self) { try scene.remove() } }
        try scene.put(days: 365)
        let context = try TLSContext(
            .server(certificate: .file(scene.certificate), key: .file(scene.key))
        )
        let validity = try #require(context.validities.first)
        let now = validity.notBefore + day * Self.day + 600
        let found = validity.standing(at: day < 0 ? validity.notBefore - 1 : now)
        #expect("\(found)" == standing)
    }

    /// A certificate of hours, as some authorities give, is not warned of all its life.
    @Test func aShortCertificateIsWarnedOfInItsLastThird() throws {
        let scene = try Scene()
        defer { #expect(throws: Never.self) { try scene.remove() } }
        try scene.put(days: 1)
        try scene.watch().look()
        #expect(scene.log.lines.isEmpty)
        try scene.watch(daysFromNow: 2).look()
        #expect(
            scene.log.lines == [
                "error: a certificate has expired: new connections fail until it is renewed"
            ]
        )
    }

    @Test func renewedFilesAreTakenAndBrokenOnesAreSaidOnce() throws {
        let scene = try Scene()
        defer { #expect(throws: Never.self) { try scene.remove() } }
        try scene.put(days: 300)
        let watch = try scene.watch()
        watch.look()
        watch.look()
        #expect(scene.log.lines.isEmpty)
        try Data("half a file".utf8).write(to: URL(filePath: scene.certificate))
        watch.look()
        watch.look()
        #expect(
            scene.log.lines == [
                "error: certificates on disk can't be used: the node goes on with those it has"
            ]
        )
        try scene.put(days: 20)
        watch.look()
        watch.look()
        #expect(
            scene.log.lines.dropFirst() == [
                "notice: certificates were renewed: new connections use them"
            ]
        )
    }
}
