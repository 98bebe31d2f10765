/// The program's version.
public enum NodeVersion {
    /// Semantic version of this source.
    public static let text = "0.1.0"
}
