import ClusterPrimitives

/// Reads a raw mail (RFC 5322, and what is sent instead) into a contact.
///
/// Everything of which a sender can be read becomes a contact: what is broken is read as far as it
/// goes. A pure function of the bytes; safe on any thread.
public enum MailParser {
    /// Reads one mail.
    ///
    /// - Parameter bytes: the mail as it came, at most `IntakeLimits.mailBytesMax`; LF or CRLF.
    /// - Returns: the contact; equal for equal bytes.
    /// - Throws: `.tooLarge` and `.noSender`, both final for these bytes.
    public static func parse(_ bytes: [UInt8]) throws(IntakeError) -> IncomingContact {
        guard bytes.count <= IntakeLimits.mailBytesMax else {
            throw .tooLarge(bytes: bytes.count, limit: IntakeLimits.mailBytesMax)
        }
        let headers = HeaderBlock(parsing: bytes)
        guard let sender = sender(in: headers) else { throw .noSender }
        let structure = MIMEReader.read(headers: headers, body: bytes[headers.bodyStart...])
        let body = BodyText(structure.root)

        let digest = SHA256Digest(hashing: bytes)
        let ownID = headers.all("message-id").compactMap(MailThreading.messageID).first
        let key = ownID ?? MailThreading.digestPrefix + digest.description
        let subject = headers.first("subject").map {
            EncodedWords.decode(Array($0.prefix(IntakeLimits.headerWordBytesMax)))
        }
        let title = TextHygiene.line(subject ?? "", bytesMax: IntakeLimits.titleBytesMax)
        let references = MailThreading.references(
            of: headers,
            further: body.returnedIDs,
            excluding: key
        )
        let fullText = TextHygiene.truncated(body.text, bytesMax: IntakeLimits.textBytesMax)
        let reply = ReplyText.newPart(
            of: fullText,
            isReply: !references.isEmpty || ReplyText.isReplySubject(title),
            isForward: ReplyText.isForwardSubject(title)
        )
        let contact = IncomingContact(
            channel: .email,
            externalKey: key,
            sender: sender,
            recipients: recipients(in: headers),
            title: title.isEmpty ? IncomingContact.defaultTitle : title,
            text: TextHygiene.isBlank(reply) ? IncomingContact.defaultText : reply,
            fullText: fullText,
            sentAt: headers.first("date").flatMap {
                InstantReader.mailDate(String(decoding: $0, as: UTF8.self))
            },
            references: references,
            caseIDHint: MailThreading.caseID(in: title),
            automatic: AutomaticMail.kind(of: headers, body: structure.root),
            attachments: body.attachments,
            language: language(headers, text: reply),
            details: details(headers, structure),
            rawByteCount: bytes.count,
            rawDigest: digest
        )
        assert(contact.externalKey.utf8.count <= IntakeLimits.keyBytesMax)
        assert(contact.text.utf8.count <= IntakeLimits.textBytesMax)
        return contact
    }

    /// The first field that names somebody with a domain; else, for mail systems that write
    /// `MAILER-DAEMON` alone, the first that names somebody.
    private static func sender(in headers: HeaderBlock) -> ContactSender? {
        let fields = ["from", "sender", "reply-to", "return-path"].flatMap(headers.all)
        let mailboxes = fields.map(MailAddresses.mailboxes)
        for needsDomain in [true, false] {
            for mailbox in mailboxes.joined() {
                guard
                    let address = MailAddresses.normalised(
                        mailbox.address,
                        needsDomain: needsDomain
                    )
                else { continue }
                let name = TextHygiene.line(mailbox.name, bytesMax: IntakeLimits.nameBytesMax)
                return ContactSender(
                    displayName: name.isEmpty ? address : name,
                    address: ContactAddress(kind: .email, value: address),
                    isVerified: false
                )
            }
        }
        return nil
    }

    /// Where the mail was delivered stands before what its writer addressed: blind copies and
    /// forwarding show only there.
    private static func recipients(in headers: HeaderBlock) -> [ContactAddress] {
        var seen: Set<String> = []
        var recipients: [ContactAddress] = []
        let fields = ["x-original-to", "delivered-to", "envelope-to", "to", "cc"]
        for field in fields.flatMap(headers.all) {
            for mailbox in MailAddresses.mailboxes(in: field) {
                guard recipients.count < IntakeLimits.recipientsMax else { return recipients }
                guard let address = MailAddresses.normalised(mailbox.address, needsDomain: true),
                    seen.insert(address).inserted
                else { continue }
                recipients.append(ContactAddress(kind: .email, value: address))
            }
        }
        return recipients
    }

    /// What was left out for a limit: the raw mail, kept with the case, has it.
    private static func details(
        _ headers: HeaderBlock,
        _ structure: MIMEStructure
    ) -> [ContactDetail] {
        var details: [ContactDetail] = []
        if headers.omittedCount > 0 {
            details.append(
                ContactDetail(name: "omittedHeaderFields", value: String(headers.omittedCount))
            )
        }
        if structure.omittedParts > 0 {
            details.append(
                ContactDetail(name: "omittedParts", value: String(structure.omittedParts))
            )
        }
        if structure.isOpaque {
            details.append(ContactDetail(name: "structure", value: "not read"))
        }
        return details
    }

    private static func language(_ headers: HeaderBlock, text: String) -> String? {
        LanguageHint.code(ofText: text)
            ?? headers.keyword("content-language").flatMap(LanguageHint.code(ofTag:))
    }
}
