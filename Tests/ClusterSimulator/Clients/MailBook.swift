import CaseModel
import CaseStore
import ClusterPrimitives
import RaftCore

/// The mails that came in, and to which cases they went: each to one, however often it comes.
final class MailBook {
    /// Mails that come in at all; after that only old ones come again.
    private static let mailsMax = 12

    static let channel = PrincipalID("channel:email")

    struct Mail {
        let key: String
        let command: CaseCommand

        var contentHash: SHA256Digest { SHA256Digest(hashing: Array(key.utf8)) }

        /// The key alone names the request: the claim has compared the contents.
        var scope: IdempotencyScope {
            IdempotencyScope(
                principal: MailBook.channel,
                method: "/casecluster.v1.Intake/Submit",
                key: key,
                requestHash: contentHash
            )
        }
    }

    private unowned let world: World
    private var mails: [Mail] = []
    private var cases: [String: CaseID] = [:]

    init(_ world: World) { self.world = world }

    /// A mail that comes in now: a new one, or one that came before.
    func next(words: String, _ world: World) -> Mail {
        if !mails.isEmpty, mails.count >= Self.mailsMax || world.chance(50) {
            return world.pick(mails)
        }
        let mail = Mail(
            key: "<\(mails.count)@example.org>",
            command: Conversation.creation(words: words, world)
        )
        mails.append(mail)
        return mail
    }

    /// Its sender was told that this is its case.
    func taken(_ mail: Mail, _ id: CaseID) {
        if let known = cases[mail.key], known != id {
            world.fail("mail \(mail.key) went to \(known) and to \(id)")
        }
        cases[mail.key] = id
    }

    /// Each claim names the case that was answered.
    func check() {
        for mail in mails {
            guard let id = cases[mail.key] else { continue }
            let leader = world.leader(of: GroupID(shard: id.shard))
            guard let replica = leader as? SimulatedReplica<SimulatedShardMachine> else { continue }
            do throws(StoreError) {
                let claim = try replica.machine.store.read { reader throws(StoreError) in
                    try reader.claim(key: mail.key, channel: Self.channel)
                }
                if claim?.caseID != id {
                    world.fail("mail \(mail.key) went to \(id), and its claim has forgotten it")
                }
            } catch {
                world.fail("the claim of mail \(mail.key) can't be read: \(error)")
            }
        }
    }
}
