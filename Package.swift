// swift-tools-version: 6.2
import PackageDescription

// Arrows point down only: a target lists what stands below it, and `swift build
// --explicit-target-dependency-import-check error` (as Deploy/test runs it) breaks on any other import.

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let arguments: Target.Dependency = .product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)
let lifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle",
    package: "swift-service-lifecycle"
)

let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")

let configuration: Target.Dependency = .product(
    name: "Configuration",
    package: "swift-configuration"
)

let systemLibraries: [Target] = [
    .systemLibrary(
        name: "CNghttp2",
        pkgConfig: "libnghttp2",
        providers: [.apt(["libnghttp2-dev"])]
    ),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    // What SQLite is told through variadic functions; the rest of it is GRDB's module.
    .systemLibrary(
        name: "CSQLiteSettings",
        pkgConfig: "sqlite3",
        providers: [.apt(["libsqlite3-dev"])]
    ),
    .systemLibrary(name: "CGMime", pkgConfig: "gmime-3.0", providers: [.apt(["libgmime-3.0-dev"])]),
]

/// No clock, no random source, no files, no network.
let pureTargets: [Target] = [
    .target(name: "ClusterPrimitives", dependencies: ["COpenSSL"]),
    .target(name: "CaseModel", dependencies: ["ClusterPrimitives"]),
    .target(name: "RaftCore", dependencies: ["ClusterPrimitives"]),
    .target(name: "CoordinatorCore", dependencies: ["ClusterPrimitives", "CaseModel"]),
]

let shellTargets: [Target] = [
    .target(
        name: "CaseProtocol",
        dependencies: ["ClusterPrimitives", "CaseModel", "CoordinatorCore", protobuf]
    ),
    .target(
        name: "HTTP2Transport",
        dependencies: ["CNghttp2", "COpenSSL", nio, nioPosix]
    ),
    .target(
        name: "RPC",
        dependencies: [
            "HTTP2Transport", "CaseProtocol", "ClusterPrimitives", protobuf, nio, nioPosix,
        ]
    ),
    .target(name: "ReplicationLog", dependencies: ["ClusterPrimitives", "RaftCore"]),
    .target(
        name: "CaseStore",
        dependencies: [
            "ClusterPrimitives", "CaseModel", "CoordinatorCore", "CSQLiteSettings", grdb,
            grdbSQLite,
        ]
    ),
    .target(name: "ReplicaDriver", dependencies: ["ClusterPrimitives", "RaftCore"]),
    .target(name: "CaseIntake", dependencies: ["CGMime", "ClusterPrimitives", "CaseModel"]),
    .target(
        name: "CaseNode",
        dependencies: [
            "ClusterPrimitives", "CaseModel", "RaftCore", "CoordinatorCore", "CaseProtocol",
            "HTTP2Transport", "RPC", "ReplicationLog", "CaseStore", "ReplicaDriver", "CaseIntake",
            nio, nioPosix, logging, lifecycle, protobuf, hummingbird,
            hummingbirdCore,
        ]
    ),
    .target(
        name: "CaseClient",
        dependencies: [
            "ClusterPrimitives", "CaseModel", "CaseProtocol", "HTTP2Transport", "RPC", nio,
            nioPosix,
            protobuf,
        ]
    ),
]

let programs: [Target] = [
    .executableTarget(
        name: "casenode",
        dependencies: ["CaseNode", arguments, configuration, logging, lifecycle]
    ),
    .executableTarget(
        name: "casectl",
        dependencies: [
            "CaseClient", "CaseProtocol", "CaseModel", "ClusterPrimitives", "HTTP2Transport",
            "COpenSSL",
            arguments,
            protobuf,
        ]
    ),
    .executableTarget(
        name: "casebench",
        dependencies: ["CaseClient", "CaseProtocol", "ClusterPrimitives", arguments]
    ),
]

let tests: [Target] = [
    .executableTarget(
        name: "casenode-control",
        dependencies: ["CaseNode", "ReplicationLog", logging, lifecycle],
        path: "Tests/ControlNode"
    ),
    .target(
        name: "ProcessSupport",
        dependencies: ["CaseClient", "ClusterPrimitives"],
        path: "Tests/ProcessSupport"
    ),
    .target(
        name: "HistoryChecker",
        dependencies: ["CaseModel", "ClusterPrimitives"],
        path: "Tests/HistoryChecker"
    ),
    .target(
        name: "ChaosHarness",
        dependencies: [
            "CaseClient", "CaseModel", "CaseProtocol", "CaseStore", "ClusterPrimitives",
            "HistoryChecker", "ProcessSupport", nio, nioPosix, protobuf,
        ],
        path: "Tests/ChaosHarness"
    ),
    .executableTarget(
        name: "casechaos",
        dependencies: ["ChaosHarness", "ClusterPrimitives", arguments],
        path: "Tests/ChaosProgram"
    ),
    .testTarget(
        name: "ChaosHarnessTests",
        dependencies: [
            "CaseClient", "CaseModel", "CaseProtocol", "ChaosHarness", "ClusterPrimitives",
            "HistoryChecker", "ProcessSupport", "casenode", nio, nioPosix,
        ]
    ),
    .testTarget(
        name: "ProcessTests",
        dependencies: [
            "CaseClient", "CaseProtocol", "CaseNode", "ClusterPrimitives", "HTTP2Transport",
            "ProcessSupport", "ReplicationLog", "casenode", "casenode-control", "casectl", nio,
            nioPosix, protobuf,
        ],
        exclude: ["Python"]
    ),
    .target(
        name: "DiskSimulator",
        dependencies: ["ClusterPrimitives", "ReplicationLog"],
        path: "Tests/DiskSimulator"
    ),
    .target(
        name: "ClusterSimulator",
        dependencies: [
            "CaseModel", "CaseStore", "ClusterPrimitives", "CoordinatorCore", "DiskSimulator",
            "HistoryChecker", "RaftCore", "ReplicaDriver", "ReplicationLog", grdb, grdbSQLite,
        ],
        path: "Tests/ClusterSimulator"
    ),
    .executableTarget(
        name: "clustersim",
        dependencies: ["ClusterSimulator", "ClusterPrimitives", arguments],
        path: "Tests/ClusterSimulatorProgram"
    ),
    .testTarget(
        name: "ClusterSimulatorTests",
        dependencies: [
            "ClusterSimulator", "CaseModel", "CaseStore", "ClusterPrimitives", "DiskSimulator",
            "HistoryChecker", "RaftCore", "ReplicationLog", grdb, grdbSQLite,
        ]
    ),
    .testTarget(name: "ClusterPrimitivesTests", dependencies: ["ClusterPrimitives"]),
    .testTarget(name: "CaseModelTests", dependencies: ["CaseModel", "ClusterPrimitives"]),
    .testTarget(name: "RaftCoreTests", dependencies: ["RaftCore", "ClusterPrimitives"]),
    .testTarget(
        name: "CoordinatorCoreTests",
        dependencies: ["CoordinatorCore", "CaseModel", "ClusterPrimitives"]
    ),
    .testTarget(
        name: "HTTP2TransportTests",
        dependencies: [
            "HTTP2Transport", "ClusterPrimitives", "COpenSSL", "CNghttp2", nio, nioPosix,
            nioEmbedded,
        ]
    ),
    .testTarget(
        name: "RPCTests",
        dependencies: [
            "RPC", "HTTP2Transport", "CNghttp2", "CaseProtocol", "ClusterPrimitives", nio, nioPosix,
            protobuf,
        ]
    ),
    .testTarget(
        name: "ReplicationLogTests",
        dependencies: ["ReplicationLog", "RaftCore", "ClusterPrimitives", "DiskSimulator"]
    ),
    .testTarget(
        name: "CaseStoreTests",
        dependencies: [
            "CaseStore", "CaseModel", "CoordinatorCore", "ClusterPrimitives", grdb, grdbSQLite,
        ]
    ),
    .testTarget(
        name: "ReplicaDriverTests",
        dependencies: ["ReplicaDriver", "RaftCore", "ClusterPrimitives"]
    ),
    .testTarget(
        name: "CaseNodeTests",
        dependencies: [
            "CaseNode", "CaseModel", "CaseProtocol", "CaseStore", "ClusterPrimitives",
            "CoordinatorCore", "HTTP2Transport", "ProcessSupport", "RPC", "RaftCore",
            "ReplicaDriver", "ReplicationLog", lifecycle, logging, nio, nioPosix, protobuf,
        ]
    ),
    .testTarget(
        name: "CaseProtocolTests",
        dependencies: ["CaseProtocol", "CaseModel", "ClusterPrimitives", protobuf]
    ),
    .testTarget(name: "CaseIntakeTests", dependencies: ["CaseIntake", "ClusterPrimitives"]),
    .testTarget(
        name: "CaseClientTests",
        dependencies: [
            "CaseClient", "CaseProtocol", "CaseModel", "ClusterPrimitives", "HTTP2Transport", "RPC",
            nio, nioPosix, protobuf, "casectl", "casebench",
        ]
    ),
]

// Deploy/test sets this: there a warning is an error.
var settings: [SwiftSetting] =
    Context.environment["CASECLUSTER_WARNINGS"] == "error" ? [.treatAllWarnings(as: .error)] : []
// Deploy/simulate --faults sets this: the faults that the simulator must find.
if Context.environment["CASECLUSTER_FAULTS"] == "1" {
    settings.append(.define("CASECLUSTER_FAULTS"))
}
for target in pureTargets + shellTargets + programs + tests { target.swiftSettings = settings }

let package = Package(
    name: "CaseCluster",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "CaseClient", targets: ["CaseClient"]),
        .executable(name: "casenode", targets: ["casenode"]),
        .executable(name: "casectl", targets: ["casectl"]),
        .executable(name: "casebench", targets: ["casebench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf.git", exact: "1.39.0"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
        .package(
            url: "https://github.com/apple/swift-configuration.git",
            exact: "1.4.0",
            traits: [.defaults, "YAML"]
        ),
        .package(url: "https://github.com/groue/GRDB.swift.git", exact: "7.10.0"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git",
            exact: "2.13.0"
        ),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird.git",
            exact: "2.28.1"
        ),
    ],
    targets: systemLibraries + pureTargets + shellTargets + programs + tests,
    swiftLanguageModes: [.v6]
)
