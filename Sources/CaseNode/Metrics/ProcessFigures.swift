import Foundation
import Glibc

/// What the system says of this process and of the disk that it keeps its data on. Reads /proc: some tens of
/// microseconds.
struct ProcessFigures: Sendable {
    var residentBytes: UInt64 = 0
    var processorSeconds = 0.0
    var openDescriptors = 0
    var descriptorsMax: UInt64 = 0
    var diskFreeBytes: UInt64 = 0
    var diskSizeBytes: UInt64 = 0

    /// As of now; what can't be read is 0.
    init(dataDirectory: String) {
        residentBytes = Self.residentPages() * UInt64(sysconf(Int32(_SC_PAGESIZE)))
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            processorSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
        }
        openDescriptors = Self.countDescriptors()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            descriptorsMax = UInt64(limit.rlim_cur)
        }
        var disk = statvfs()
        if statvfs(dataDirectory, &disk) == 0 {
            diskFreeBytes = UInt64(disk.f_bavail) * UInt64(disk.f_frsize)
            diskSizeBytes = UInt64(disk.f_blocks) * UInt64(disk.f_frsize)
        }
    }

    /// The second number of /proc/self/statm.
    private static func residentPages() -> UInt64 {
        guard let data = FileManager.default.contents(atPath: "/proc/self/statm") else { return 0 }
        let words = String(decoding: data, as: UTF8.self).split(separator: " ")
        return words.count > 1 ? UInt64(words[1]) ?? 0 : 0
    }

    private static func countDescriptors() -> Int {
        do {
            // The listing's own is among them.
            return max(
                0,
                try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count - 1
            )
        } catch {
            return 0
        }
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000
    }

    /// Bytes of a file; 0 where there is none.
    static func bytes(of path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(max(0, status.st_size)) : 0
    }
}
