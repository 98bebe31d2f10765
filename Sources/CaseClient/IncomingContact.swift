import CaseProtocol
import Foundation

/// One contact from a channel, raw. At most 4 MiB.
public enum IncomingContact: Sendable, Hashable {
    /// A message as RFC 5322 bytes.
    case mail([UInt8])
    /// A web chat as JSON (Protocol/intake.md).
    case chat([UInt8])
    /// A call record as JSON (Protocol/intake.md).
    case call([UInt8])

    /// The largest contact that the protocol takes, in bytes.
    public static let bytesMax = 4 * 1_024 * 1_024

    var wire: PBSubmitRequest.OneOf_Contact {
        switch self {
        case .mail(let bytes): .mail(Data(bytes))
        case .chat(let bytes): .chat(Data(bytes))
        case .call(let bytes): .call(Data(bytes))
        }
    }
}
