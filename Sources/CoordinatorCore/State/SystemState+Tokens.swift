import CaseModel
import ClusterPrimitives

extension SystemState {
    func accessToken(_ token: NewToken, role: Role) -> AccessToken {
        AccessToken(
            id: token.id,
            secretHash: token.secretHash,
            principal: token.principal,
            role: role,
            createdAt: meta.now,
            expiresAt: token.expiresAt,
            revokedAt: nil
        )
    }

    /// Checks what does not depend on the principal.
    func checkNew(_ token: NewToken) throws(SystemRefusal) {
        try IDText.check(token.id, field: "token.id")
        guard self.token(token.id) == nil else {
            throw .exists(field: "token.id", id: token.id)
        }
        if let other = self.token(ofHash: token.secretHash) {
            throw .exists(field: "token.secret_hash", id: other.id)
        }
        if let expiresAt = token.expiresAt, expiresAt <= meta.now {
            throw .invalid(field: "token.expires_at", reason: "has passed")
        }
    }

    mutating func issue(_ token: NewToken) throws(SystemRefusal) -> String {
        guard let entry = principal(token.principal) else {
            throw .notFound(field: "token.principal", id: token.principal.rawValue)
        }
        if let known = self.token(token.id), known.isRepeat(of: token), known.role == entry.role {
            return token.id
        }
        try checkNew(token)
        let held = tokens(of: entry.id)
        let dead = held.filter { !$0.isLive(at: meta.now) }
        guard held.count - dead.count < SystemLimits.tokensPerPrincipalMax else {
            throw .tooMany(
                field: "tokens of the principal",
                limit: UInt32(SystemLimits.tokensPerPrincipalMax)
            )
        }
        let makesRoom = held.count >= SystemLimits.tokensPerPrincipalMax
        guard tokenTable.count - (makesRoom ? dead.count : 0) < SystemLimits.tokensMax else {
            throw .tooMany(field: "tokens", limit: UInt32(SystemLimits.tokensMax))
        }
        if makesRoom { for token in dead { erase(.token(token)) } }
        store(.token(accessToken(token, role: entry.role)))
        meta.directoryVersion += 1
        return token.id
    }

    mutating func revoke(_ id: String) throws(SystemRefusal) -> String {
        guard var token = token(id) else { throw .notFound(field: "token.id", id: id) }
        if token.revokedAt == nil {
            token.revokedAt = meta.now
            store(.token(token))
            meta.directoryVersion += 1
        }
        return id
    }

    /// Revokes all tokens of a principal whose role changed: they must not come back with the old
    /// role.
    mutating func endTokens(of principal: PrincipalID) {
        for var token in tokens(of: principal) where token.revokedAt == nil {
            token.revokedAt = meta.now
            store(.token(token))
        }
    }
}

extension AccessToken {
    /// Issued by an earlier copy of the same command.
    fileprivate func isRepeat(of token: NewToken) -> Bool {
        TextKey(id) == TextKey(token.id) && secretHash == token.secretHash
            && TextKey(principal.rawValue) == TextKey(token.principal.rawValue)
            && expiresAt == token.expiresAt && revokedAt == nil
    }
}
