// swift-tools-version: 6.1
import PackageDescription

// A package as somebody else would write it: it knows the product CaseClient and nothing else.
let package = Package(
    name: "outside",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "CaseCluster", path: "../..")],
    targets: [
        .executableTarget(
            name: "outside",
            dependencies: [.product(name: "CaseClient", package: "CaseCluster")]
        )
    ],
    swiftLanguageModes: [.v6]
)
