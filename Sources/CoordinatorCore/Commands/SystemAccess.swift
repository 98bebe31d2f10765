import CaseModel

/// Who may have which system command carried out.
///
/// Checked by the node before it proposes, and again when the command is applied: between the two,
/// the directory may have changed.
public enum SystemAccess {
    /// Whether a principal of that role may. The cluster itself (no principal) may do everything.
    public static func permits(
        _ command: SystemCommand,
        by principal: PrincipalID,
        role: Role
    ) -> Bool {
        switch command {
        case .addMember, .updateMember, .removeMember, .replaceMember, .setSettings,
            .raiseClusterVersion,
            .putTeam, .removeTeam, .putQueue, .removeQueue,
            .putPrincipal, .removePrincipal, .issueToken, .revokeToken:
            role == .admin
        case .setPresence(let subject, _):
            role == .supervisor
                || role.mayOwn && TextKey(subject.rawValue) == TextKey(principal.rawValue)
        case .initialize, .placeShards, .reportShard, .beginEpoch, .beginIncarnation,
            .planNight, .nightShardDone, .nightFinished, .noticeShardDone:
            false
        }
    }
}

extension SystemState {
    /// Why a principal may not have a command carried out now; nil if it may.
    public func refusal(of command: SystemCommand, by principal: PrincipalID?) -> SystemRefusal? {
        guard let principal else { return nil }
        guard let entry = self.principal(principal) else {
            return .notFound(field: "principal", id: principal.rawValue)
        }
        return SystemAccess.permits(command, by: principal, role: entry.role)
            ? nil : .forbidden(role: entry.role)
    }
}
