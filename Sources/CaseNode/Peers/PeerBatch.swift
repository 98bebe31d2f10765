import ClusterPrimitives
import RaftCore

/// A replica's message, in files where `Message` is Protocol Buffers' word.
typealias ReplicaMessage = Message

/// Messages as a link carries them; Protocol/peer.md specifies the bytes.
enum PeerBatch {
    /// Field 2 of `PeerFrame`, of a length-delimited kind, as Protocol Buffers write it. Frames are put
    /// together by hand because a generated message would copy each of them once more.
    private static let messagesTag: UInt8 = 2 << 3 | 2

    /// One message of a group.
    struct Item: Equatable {
        let group: GroupID
        let message: Message
    }

    /// A message as it waits to be sent: the group, its length, itself.
    static func encode(_ message: Message, group: GroupID) -> [UInt8] {
        let bytes = message.encodedBytes
        var writer = ByteWriter(reserving: bytes.count + 16)
        writer.write(UInt64(group.rawValue))
        writer.write(bytes)
        return writer.bytes
    }

    /// A serialized `PeerFrame` of encoded messages.
    static func frame(_ messages: ArraySlice<[UInt8]>) -> [UInt8] {
        let count = messages.reduce(0) { $0 + $1.count }
        var writer = ByteWriter(reserving: count + 16)
        writer.write(byte: messagesTag)
        writer.write(UInt64(count))
        for message in messages { writer.write(raw: message) }
        return writer.bytes
    }

    /// Reads the messages of a frame.
    /// - Throws: at the first byte that does not fit; nothing of such a frame is used.
    static func decode(_ bytes: [UInt8]) throws(DecodingFault) -> [Item] {
        var reader = ByteReader(bytes)
        var items: [Item] = []
        while reader.remaining > 0 {
            let group = GroupID(rawValue: try reader.unsigned32())
            let message = try Message(decoding: try reader.data())
            items.append(Item(group: group, message: message))
        }
        return items
    }
}
