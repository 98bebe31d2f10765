import Glibc

/// Functions of the C library that Swift's view of it leaves out: GNU's own, and those with a variable number of
/// arguments. Looked up by name; the types are those of the manual pages.
enum GNUExtension {
    /// `posix_spawn_file_actions_addclosefrom_np`: the child gets no descriptor from this number on.
    static func closeFrom(
        _ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>,
        _ first: CInt
    ) {
        typealias Call =
            @convention(c) (
                UnsafeMutablePointer<posix_spawn_file_actions_t>, CInt
            ) -> CInt
        let code = call("posix_spawn_file_actions_addclosefrom_np", Call.self)(actions, first)
        precondition(code == 0, "there is memory for one more action")
    }

    /// `posix_spawn_file_actions_addchdir_np`: where the child runs.
    static func changeDirectory(
        _ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>,
        _ path: String
    ) {
        typealias Call =
            @convention(c) (
                UnsafeMutablePointer<posix_spawn_file_actions_t>, UnsafePointer<CChar>
            ) -> CInt
        let code = call("posix_spawn_file_actions_addchdir_np", Call.self)(actions, path)
        precondition(code == 0, "there is memory for one more action")
    }

    /// `sem_open`: a new named semaphore with this value.
    /// - Returns: an error number, or nil.
    static func makeSemaphore(_ name: String, value: CUnsignedInt) -> CInt? {
        typealias Call =
            @convention(c) (UnsafePointer<CChar>, CInt, mode_t, CUnsignedInt) ->
            UnsafeMutablePointer<sem_t>?
        guard let made = call("sem_open", Call.self)(name, O_CREAT | O_EXCL, 0o600, value) else {
            return errno
        }
        sem_close(made)
        return nil
    }

    private static func call<Call>(_ name: String, _ type: Call.Type) -> Call {
        guard let found = dlsym(nil, name) else {
            preconditionFailure("the C library has no \(name)")
        }
        return unsafeBitCast(found, to: type)
    }
}
