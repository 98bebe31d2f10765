import ClusterPrimitives

/// A bearer token: 256 random bits, of which only the SHA-256 is kept.
struct TokenSecret {
    /// What the client sends.
    let text: String

    /// What the directory keeps.
    var hash: SHA256Digest { SHA256Digest(hashing: Array(text.utf8)) }

    /// A new one. The prefix lets secret scanners find it where it should not be.
    static func make() -> TokenSecret {
        TokenSecret(text: "cct_" + Hex.encode(ServiceContext.randomBytes(32)))
    }

    /// A new token's name for lists and revocations.
    static func makeID() -> String { "t-" + Hex.encode(ServiceContext.randomBytes(8)) }
}
