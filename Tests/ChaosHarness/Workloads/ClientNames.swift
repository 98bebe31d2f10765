import CaseClient

// Names of the client's library for files that know the model's types of the same names as well; a qualified
// name can't tell them apart, since the library's module and its main class share theirs.

typealias ClientAction = CaseAction
typealias ClientEntry = CaseEntry
typealias ClientReceipt = CaseReceipt
typealias ClientRecord = CaseRecord
typealias ClientStatus = CaseStatus
