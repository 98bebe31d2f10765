/// Tells machines from people by what their mail says of itself. No guessing from subjects: "Out of
/// office" in a customer's own subject must not silence the customer.
enum AutomaticMail {
    static func kind(of headers: HeaderBlock, body: MIMENode) -> IncomingContact.AutomaticKind {
        let returnPath = headers.keyword("return-path")
        let isNullPath = returnPath?.filter { $0 != " " } == "<>"
        if case .multipart("report", let type, _) = body {
            // Read receipts and complaints are reports as well.
            return type == nil || type == "delivery-status" ? .bounce : .autoReply
        }
        if headers.first("x-failed-recipients") != nil { return .bounce }
        if isNullPath, isMailSystem(headers) { return .bounce }
        if let submitted = headers.keyword("auto-submitted"), !submitted.isEmpty,
            !submitted.hasPrefix("no")
        {
            return .autoReply
        }
        let marks = [
            "x-autoreply", "x-autorespond", "x-auto-response-suppress", "x-autoreply-from",
            "x-mail-autoreply",
        ]
        if marks.contains(where: { isSet(headers, $0) }) { return .autoReply }
        let precedence = headers.keyword("precedence") ?? ""
        if ["auto_reply", "auto-reply"].contains(precedence) { return .autoReply }
        if ["bulk", "junk", "list"].contains(precedence) || headers.first("list-id") != nil {
            return .list
        }
        return isNullPath ? .autoReply : .none
    }

    private static func isSet(_ headers: HeaderBlock, _ name: String) -> Bool {
        guard let value = headers.keyword(name) else { return false }
        return value != "no" && value != "none" && value != "false"
    }

    private static func isMailSystem(_ headers: HeaderBlock) -> Bool {
        let from = headers.keyword("from") ?? ""
        return from.contains("mailer-daemon") || from.contains("postmaster")
    }
}
