import ClusterPrimitives

// One byte each, the raw value; names are their text.

extension CaseStatus: BinaryCodable {}
extension Role: BinaryCodable {}
extension Priority: BinaryCodable {}
extension Channel: BinaryCodable {}
extension LinkKind: BinaryCodable {}
extension ActionName: BinaryCodable {}
extension PrincipalID: BinaryCodable {}
extension TeamID: BinaryCodable {}
extension QueueID: BinaryCodable {}
