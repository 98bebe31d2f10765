import CaseIntake
import ClusterPrimitives
import Foundation
import Testing

/// Where the tests read files from, and small mails made on the spot.
enum Fixtures {
    /// A folder of mails that mail programs really sent; it is no part of this repository, so tests
    /// that need it run only where the environment names it.
    static let sampleFolder: URL? = ProcessInfo.processInfo.environment["CASECLUSTER_SHARED"]
        .map { URL(fileURLWithPath: $0).appendingPathComponent("intake/mail") }

    static var hasSamples: Bool {
        sampleFolder.map { FileManager.default.fileExists(atPath: $0.path) } ?? false
    }

    static func sample(_ name: String) throws -> [UInt8] {
        let folder = try #require(sampleFolder)
        return [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    static func allSamples() throws -> [(name: String, bytes: [UInt8])] {
        let folder = try #require(sampleFolder)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".eml") }.sorted()
        return try names.map { ($0, try sample($0)) }
    }

    /// The contacts that the product ships for demonstrations.
    static let demoFolder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Deploy/demo-contacts")

    static func demo(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: demoFolder.appendingPathComponent(name)))
    }

    /// Mails that together touch every branch of the parser; for damage.
    static let awkward: [[UInt8]] = [
        mail(
            """
            From: =?UTF-8?B?w4VzYSDDlnN0?= <asa@example.se>
            To: "Support, Nordic" <support@example.com>
            Subject: =?iso-8859-1?Q?F=F6rs=E4ndelse?= =?iso-8859-1?Q?_borta?= [Case 0123456789ABC]
            References: <a@x> <b@x>
            In-Reply-To: <b@x>
            Message-ID: <c@x>
            Date: Mon, 2 Mar 2026 08:15:30 +0100
            Content-Type: multipart/mixed; boundary="outer"

            --outer
            Content-Type: multipart/alternative; boundary=inner

            --inner
            Content-Type: text/plain; charset=windows-1252; format=flowed
            Content-Transfer-Encoding: quoted-printable

            Hej, var =E4r=20
            paketet?

            Den 2 mars 2026 kl 08:00 skrev Support <support@example.com>:
            > Hej
            --inner
            Content-Type: text/html; charset=utf-8

            <p>Hej, <b>var</b> &auml;r paketet?<blockquote>Hej</blockquote>
            --inner--
            --outer
            Content-Type: image/png; name="=?UTF-8?Q?bild_=C3=A5?="
            Content-Transfer-Encoding: base64
            Content-Disposition: attachment; filename*=UTF-8''bild%20%C3%A5.png

            iVBORw0KGgo=
            --outer
            Content-Type: message/rfc822

            From: x@example.com
            Subject: inner

            text
            --outer--
            """
        ),
        mail(
            """
            Return-Path: <>
            From: MAILER-DAEMON (Mail Delivery System)
            Auto-Submitted: auto-replied
            Subject: Undelivered
            Content-Type: multipart/report; report-type=delivery-status; boundary="b"

            --b

            It failed.
            --b
            Content-Type: message/delivery-status

            Final-Recipient: rfc822; anna@example.com
            --b
            Content-Type: text/rfc822-headers

            Message-ID: <sent@example.com>
            --b--
            """
        ),
        mail(
            """
            Sender: list@example.com
            Reply-To: someone@example.com, "Other" <other@example.com>
            Content-Type: text/html; charset=gb2312

            <html><head><style>p { color: red }</style><title>x</title></head><body>
            <!-- a comment --><a href="https://example.com/x?a=1&amp;b=2">here</a>
            <ul><li>one<li>two</ul><pre>  kept
              so</pre><img alt="logo" src="cid:1">&#228;&#x20AC;&nbsp;&unknown; a < b
            """
        ),
    ]

    static func mail(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// A mail of one part with these extra header lines.
    static func simple(
        _ headers: String = "",
        from: String = "anna@example.com",
        body: String = "Hello"
    ) -> [UInt8] {
        mail(
            "From: \(from)\nTo: support@example.com\n" + (headers.isEmpty ? "" : headers + "\n")
                + "\n" + body
        )
    }
}

extension Array where Element == UInt8 {
    /// Text with its Latin letters as single bytes, as old mail programs write it.
    init(latin text: String) {
        self = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }
}
