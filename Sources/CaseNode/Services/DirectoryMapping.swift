import CaseProtocol
import CoordinatorCore
import SwiftProtobuf

/// Any message of the protocol.
typealias ProtocolMessage = SwiftProtobuf.Message & Sendable

/// A request that carries an idempotency key.
protocol DirectoryRequest: ProtocolMessage {
    var idempotencyKey: String { get set }
}

extension PBPutPrincipalRequest: DirectoryRequest {}
extension PBNameRequest: DirectoryRequest {}
extension PBPutTeamRequest: DirectoryRequest {}
extension PBPutQueueRequest: DirectoryRequest {}

extension PBPrincipal {
    init(_ entry: DirectoryEntry, presence: Presence) {
        self.init()
        name = entry.id.rawValue
        role = PBRole(entry.role)
        displayName = entry.title
        teams = entry.teams.map(\.rawValue)
        queues = entry.queues.map(\.rawValue)
        addresses = entry.contacts.compactMap { Self.stripped($0, "mailto:") }
        phones = entry.contacts.compactMap { Self.stripped($0, "tel:") }
        self.presence = PBPresence(rawValue: Int(presence.rawValue)) ?? .unspecified
    }

    private static func stripped(_ uri: String, _ scheme: String) -> String? {
        uri.hasPrefix(scheme) ? String(uri.dropFirst(scheme.count)) : nil
    }
}

extension PBTeam {
    init(_ team: Team) {
        self.init()
        name = team.id.rawValue
        displayName = team.title
    }
}

extension PBQueue {
    init(_ queue: WorkQueue) {
        self.init()
        name = queue.id.rawValue
        team = queue.team.rawValue
        displayName = queue.title
        addresses = queue.recipients
        commentPends = queue.commentPends
    }
}

extension PBToken {
    init(_ token: AccessToken) {
        self.init()
        tokenID = token.id
        principal = token.principal.rawValue
        createdAt = token.createdAt.rawValue
        expiresAt = token.expiresAt?.rawValue ?? 0
        revoked = token.revokedAt != nil
    }
}
