import CaseModel
import ClusterPrimitives

/// A mail that comes in, once or more than once, over whichever client: as a node's intake takes it, its key is
/// claimed, its case made under that key, and the case recorded at the claim. Any step may be the last of
/// a try; the next try takes all of them again.
extension SimulatedClient {
    /// Until when one step is tried, in microseconds.
    private static let stepTime: Int64 = 3_000_000

    func submitMail() {
        let mail = world.mails.next(words: nextWords(), world)
        let claim = ShardCommand.claim(
            key: mail.key,
            channel: MailBook.channel,
            contentHash: mail.contentHash
        )
        attempt(home(of: mail.scope), until: world.now + Self.stepTime, claim) { [self] reply in
            guard case .result(let result) = reply else { return rest() }
            guard case .claimed(let known) = result else {
                return world.fail("the claim of \(mail.key) is answered with \(result)")
            }
            guard let known else { return create(mail) }
            world.coverage[.mailKnown] += 1
            world.mails.taken(mail, known)
            rest()
        }
    }

    private func create(_ mail: MailBook.Mail) {
        let from = Int64(world.steps)
        let command = ShardCommand.onCase(mail.command, mail.scope)
        attempt(home(of: mail.scope), until: world.now + Self.stepTime, command) { [self] reply in
            guard case .result(let result) = reply else { return rest() }
            guard case .accepted(let receipt) = result else {
                return world.fail("a mail's case is answered with \(result)")
            }
            world.book.created(receipt, mail.command, key: mail.scope.digest, from: from)
            // The node that takes it may end here.
            guard !world.chance(20) else { return rest() }
            record(mail, receipt.id)
        }
    }

    private func record(_ mail: MailBook.Mail, _ id: CaseID) {
        let record = ShardCommand.recordClaim(
            key: mail.key,
            channel: MailBook.channel,
            caseID: id
        )
        attempt(home(of: mail.scope), until: world.now + Self.stepTime, record) { [self] reply in
            guard case .result(let result) = reply else { return rest() }
            if result != .claimed(caseID: id) {
                world.fail("mail \(mail.key) went to \(id), and its claim says \(result)")
            }
            world.mails.taken(mail, id)
            rest()
        }
    }
}
