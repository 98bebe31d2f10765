/// An open file. Confined to the log's caller, like the log.
///
/// An implementation answers `ENOSPC` and `EDQUOT` with `LogError.diskFull`, all else with
/// `LogError.io`.
public protocol LogFile: AnyObject {
    /// The file's length in bytes.
    func size() throws(LogError) -> UInt64
    /// Reads at `offset` until `buffer` is full or the file ends; the count of bytes read.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(LogError) -> Int
    /// Writes all of `bytes` at `offset`. After an error any part of them may be in the file.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(LogError)
    /// Returns when the file's bytes and length are on stable storage (fdatasync).
    func synchronize() throws(LogError)
    /// Sets the length to at least `bytes` and reserves the space, so that writing can't run out of
    /// it.
    func preallocate(bytes: UInt64) throws(LogError)
    /// Sets the length.
    func truncate(bytes: UInt64) throws(LogError)
    /// Gives the handle up; further calls fail. Called once.
    func close()
}

/// The files of a log: real ones, or a simulator's.
public protocol LogFileSystem {
    /// Makes the directory and its parents, durably, unless it is there.
    func makeDirectory(_ path: String) throws(LogError)
    /// The names in a directory, in any order; empty if it does not exist.
    func list(_ directory: String) throws(LogError) -> [String]
    /// Makes an empty file, or empties one.
    func create(_ path: String) throws(LogError) -> any LogFile
    /// Opens a file for reading and writing.
    func open(_ path: String) throws(LogError) -> any LogFile
    /// Removes a name. Durable after `synchronizeDirectory`.
    func remove(_ path: String) throws(LogError)
    /// Renames within a directory, replacing what had the name. Durable after
    /// `synchronizeDirectory`.
    func rename(_ path: String, to newPath: String) throws(LogError)
    /// Returns when the directory's names are on stable storage.
    func synchronizeDirectory(_ path: String) throws(LogError)
    /// Takes the lock that the file at `path` stands for, until the handle is closed or the process
    /// ends; `LogError.locked` if another holder has it.
    func lock(_ path: String) throws(LogError) -> any LogFile
}
