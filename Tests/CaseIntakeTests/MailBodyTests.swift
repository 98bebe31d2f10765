import CaseIntake
import ClusterPrimitives
import Testing

/// Bodies: structure, character sets, HTML, replies.
struct MailBodyTests {
    private func parse(
        _ type: String,
        _ body: [UInt8],
        encoding: String = "8bit"
    ) throws -> IncomingContact {
        let head = "From: a@b.se\nContent-Type: \(type)\nContent-Transfer-Encoding: \(encoding)\n\n"
        return try MailParser.parse(Array(head.utf8) + body)
    }

    private func html(_ body: String) throws -> String {
        try parse("text/html; charset=utf-8", Array(body.utf8)).fullText
    }

    @Test(
        arguments: [
            ("utf-8", Array("Åäö €".utf8), "Åäö €"),
            ("iso-8859-1", [0xC5, 0x80, 0x93], "Å€“"),
            ("windows-1252", [0xE5, 0x85], "å…"),
            ("us-ascii", Array("smörgås".utf8), "smörgås"),
            ("us-ascii", [0x73, 0xF6], "sö"),
            ("iso-8859-1", Array("UTF-8 ändå".utf8), "UTF-8 ändå"),
            ("gb2312", [0xC4, 0xE3, 0xBA, 0xC3, 0xCA, 0xB2, 0xC3, 0xB4], "你好什么"),
            ("gb2312", [0xC1, 0xAA, 0xCD, 0xA8], "联通"),
            ("koi8-r", [0xF0, 0xD2, 0xC9, 0xD7, 0xC5, 0xD4], "Привет"),
            ("shift_jis", [0x93, 0xFA, 0x96, 0x7B], "日本"),
            ("iso-2022-jp", [0x1B, 0x24, 0x42, 0x46, 0x7C, 0x1B, 0x28, 0x42], "日"),
            ("utf-16", [0xFF, 0xFE, 0x41, 0x00, 0xE5, 0x00], "Aå"),
            ("x-unheard-of", Array("å".utf8), "å"),
            ("../../etc/x", [0xE5, 0x20], "å"),
            ("euc-kr", [0xC7, 0xD1, 0xFF, 0x41], "한\u{FFFD}A"),
        ] as [(String, [UInt8], String)]
    )
    func charsets(name: String, bytes: [UInt8], text: String) throws {
        #expect(try parse("text/plain; charset=\"\(name)\"", bytes).fullText == text)
    }

    /// What can't be read is replaced, and what stands around it stays.
    @Test func brokenUTF8KeepsItsNeighbours() throws {
        let bytes = Array("Räksmörgås är gott, ".utf8) + [0xC3] + Array(" säger Åsa".utf8)
        let contact = try parse("text/plain; charset=utf-8", bytes)
        #expect(contact.fullText == "Räksmörgås är gott, \u{FFFD} säger Åsa")
    }

    @Test(arguments: [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<br>Two<br/><br>Three", "One\nTwo\n\nThree"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("a   b\n c&nbsp;d", "a b c d"),
        ("<ul><li>one</li><li>two</li></ul>x", "- one\n- two\n\nx"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<style>p{}</style><script>if (a<b) {}</script><title>t</title>x", "x"),
        ("<!-- c --><!--[if mso]><p>no</p><![endif]-->x", "x"),
        ("<!-- never closed, but said", "never closed, but said"),
        ("<style>never closed, but said", "never closed, but said"),
        (
            "&aring;&auml;&ouml; &#229;&#xE5;&#150;&euro; &amp;lt; &nosuch; &",
            "åäö åå–€ &lt; &nosuch; &"
        ),
        ("&#0;&#1114112;&#xD800;", "\u{FFFD}\u{FFFD}\u{FFFD}"),
        ("1 < 2 and 3 > 2 <3", "1 < 2 and 3 > 2 <3"),
        ("<a href=\"https://x.se/?a=1&amp;b=2\">here</a>", "here <https://x.se/?a=1&b=2>"),
        ("<a href='https://x.se/'>https://x.se</a>", "https://x.se"),
        ("<a href=\"mailto:a@b.se\">a@b.se</a> <a href=\"javascript:x\">y</a>", "a@b.se y"),
        ("<img src=x alt=\"Logo\">", "[Logo]"),
        ("<pre>a\n  b</pre>c", "a\n  b\nc"),
        ("x<blockquote>a<br>b<blockquote>c</blockquote></blockquote>d", "x\n> a\n> b\n>> c\nd"),
        ("<P title=\"a > b\">shown", "shown"),
        ("<p title=\"never closed>shown</p>", "shown"),
        ("<b", "<b"),
        ("</blockquote></blockquote>x", "x"),
    ])
    func htmlReadsWell(source: String, text: String) throws {
        #expect(try html(source) == text)
    }

    @Test func pageNamesItsOwnCharacterSet() throws {
        let page = Array("<meta charset=\"windows-1251\"><p>".utf8) + [0xCF, 0xF0, 0xE8]
        #expect(try parse("text/html", page).fullText == "При")
    }

    @Test func flowedLinesAreJoined() throws {
        let body = "One \ntwo\n> quoted \n> on\n-- \nAnna\n"
        let contact = try parse("text/plain; format=flowed", Array(body.utf8))
        #expect(contact.fullText == "One two\n> quoted on\n--\nAnna")
        let joined = try parse("text/plain; format=flowed; delsp=yes", Array("日 \n本".utf8))
        #expect(joined.fullText == "日本")
    }

    @Test func attachments() throws {
        let contact = try MailParser.parse(Fixtures.awkward[0])
        #expect(contact.attachments.map(\.fileName) == ["bild å.png", "inner.eml"])
        #expect(contact.attachments.map(\.mediaType) == ["image/png", "message/rfc822"])
        let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        #expect(contact.attachments.first?.digest == SHA256Digest(hashing: png))
        #expect(contact.attachments.first?.byteCount == 8)
        #expect(contact.text == "Hej, var är paketet?")
        #expect(contact.fullText.contains("> Hej"))
    }

    /// Two encoded words, the first padded; and names that lead elsewhere.
    @Test(arguments: [
        ("filename=\"=?UTF-8?B?csOkaw==?=\n =?UTF-8?B?bmluZy5wZGY=?=\"", "räkning.pdf"),
        ("filename=\"../../etc/passwd\"", "passwd"),
        ("filename=\"C:\\\\temp\\\\a.txt\"", "a.txt"),
        ("filename=\"..\"", "attachment-1"),
        ("x=y", "attachment-1"),
        ("filename=plain.txt", "plain.txt"),
    ])
    func fileNames(parameter: String, name: String) throws {
        let bytes = Fixtures.simple(
            "Content-Type: text/plain\nContent-Disposition: attachment; \(parameter)"
        )
        let contact = try MailParser.parse(bytes)
        #expect(contact.attachments.map(\.fileName) == [name])
        #expect(contact.text == "(no text)")
    }

    @Test(arguments: [
        ("New\n\nDen mån 2 mars 2026 kl 08:00 skrev Support <s@x.se>:\n\n> Old", "New"),
        ("New\n\n2 mars 2026 kl. 08:00 skrev Support <s@x.se>:\n\nOld without marks", "New"),
        (
            "New\n\nFrån: S <s@x.se>\nSkickat: 2 mars 2026 08:00\nTill: Anna\nÄmne: x\n\nOld",
            "New"
        ),
        (
            "New\n________________________________\n*Från:* S\n*Skickat:* idag\n*Till:* A\n\nOld",
            "New"
        ),
        ("New\n\n-----Ursprungligt meddelande-----\nFrån: S\nOld", "New"),
        ("New\n\nOn Mon, 2 Mar 2026 at 08:00, Some\nOne <s@x.se>\nwrote:\n> Old", "New"),
        ("New\n\nAm 02.03.2026 um 08:00 schrieb S <s@x.se>:\n> Alt", "New"),
        ("> Question one?\nYes.\n> Question two?\nNo.", "Yes.\nNo."),
        (
            "My agent wrote: never mind\nThe list:\n- a",
            "My agent wrote: never mind\nThe list:\n- a"
        ),
        ("On 3 May I called and they wrote:\nwait", "On 3 May I called and they wrote:\nwait"),
        ("From: my house\nTo: yours\nit is far", "From: my house\nTo: yours\nit is far"),
        ("> only a quote", "> only a quote"),
    ])
    func replies(body: String, text: String) throws {
        let bytes = Fixtures.simple(
            "Subject: Re: x\nIn-Reply-To: <a@x>\nContent-Type: text/plain; charset=utf-8",
            body: body
        )
        let contact = try MailParser.parse(bytes)
        #expect(contact.text == text)
        #expect(contact.fullText.split(separator: "\n").count == body.split(separator: "\n").count)
    }

    /// A first mail may have lines with `>`, and a forward's history is its content.
    @Test func whatIsNoHistoryStays() throws {
        let body = "See:\n> 5 Mbit\n> 7 Mbit"
        #expect(try MailParser.parse(Fixtures.simple("Subject: Speed", body: body)).text == body)
        let forward = "FYI\n\nFrom: a@b.se\nSent: today\nTo: c\nSubject: Invoice\n\nPay!"
        #expect(
            try MailParser.parse(Fixtures.simple("Subject: VB: Invoice", body: forward)).text
                == forward
        )
    }

    @Test func quotedHTMLReplyLosesItsHistory() throws {
        let page =
            "Thanks!<br><div class=q>On Mon, 2 Mar 2026 at 08:00, S &lt;s@x.se&gt; wrote:<br>"
            + "<blockquote>Old<br>text</blockquote></div>"
        #expect(try parse("text/html", Array(page.utf8)).text == "Thanks!")
    }

    @Test func deliveryReportRefersToWhatItReturns() throws {
        let contact = try MailParser.parse(Fixtures.awkward[1])
        #expect(contact.automatic == .bounce)
        #expect(contact.references == ["sent@example.com"])
        #expect(contact.text == "It failed.")
    }

    @Test(arguments: [
        "text", "text/plain; charset", ";;;", "", "multipart/mixed",
        "multipart/mixed; boundary=\"\"",
    ])
    func brokenContentTypeStillShowsTheText(type: String) throws {
        #expect(
            try parse(type, Array("The words".utf8), encoding: "7bit").fullText.contains(
                "The words"
            )
        )
    }
}
