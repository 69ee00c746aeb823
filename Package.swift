// swift-tools-version: 6.2
import PackageDescription

// Imports run one way: Wire, CEL <- Models <- Worker, Coordinator, Client <- Assay.
// Release builds take `-Xswiftc -cross-module-optimization`: without it a public generic of
// another module is not specialised on the hot way (see ops/build).
//
// With ASSAY_MUTANTS=1, known mistakes can be switched on at run time (Wire/Mutant.swift), and the searches that are to
// find them see the cores' insides: never in what is shipped.
let hasMutants = Context.environment["ASSAY_MUTANTS"] == "1"
let settings: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .enableExperimentalFeature("Lifetimes"),
  ] + (hasMutants ? [.define("MUTANTS"), .unsafeFlags(["-enable-testing"])] : [])
// For what lies on a transaction's way: tests run with the dynamic exclusivity checks, release builds without.
let hotSettings = settings + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let yaml: Target.Dependency = .product(name: "Yams", package: "Yams")

// The simulator and the exhaustive search see the insides of everything, which a release build shows only with -enable-testing (ops/simulate).
let simulation: [Target] = [
  .target(name: "Coroutines", path: "Tests/Coroutines"),
  .executableTarget(
    name: "Simulate",
    dependencies: ["Wire", "Models", "Worker", "Coordinator", "Client", "Coroutines", deque, nioCore, logging],
    path: "Tests/Simulation", exclude: ["regressions.txt", "README.md"],
    swiftSettings: [.swiftLanguageMode(.v5), .enableExperimentalFeature("Lifetimes"), .define("MUTANTS")]),
  .executableTarget(
    name: "Exhaustive", dependencies: ["Wire", "Worker", "Coordinator", "ExchangeModel"], path: "Tests/Exhaustive", exclude: ["README.md"],
    swiftSettings: [
      .swiftLanguageMode(.v5), .enableExperimentalFeature("Lifetimes"), .define("MUTANTS"),
      .unsafeFlags(["-enforce-exclusivity=unchecked"]),
    ]),
]

let package = Package(
  name: "assay",
  products: [
    .executable(name: "assay", targets: ["Assay"]),
    .executable(name: "assay-bench", targets: ["Benchmarks"]),
    .executable(name: "assay-chaos", targets: ["Chaos"]),
    .library(name: "ChaosFaults", type: .dynamic, targets: ["ChaosFaults"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift.git", from: "0.2.0"),
    .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
    .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
  ],
  targets: [
    // System libraries, wrapped once.
    .target(
      name: "COpenSSL", path: "Sources/C/OpenSSL",
      linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    .systemLibrary(name: "CLZ4", path: "Sources/C/LZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CSQLite", path: "Sources/C/SQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    // What Swift has no name for: CRC-32C and tree traversal by the processor's instructions, a call of the kernel's.
    .target(name: "CKernels", path: "Sources/C/Kernels", cSettings: [.unsafeFlags(["-O3"])]),

    .target(name: "Wire", dependencies: ["CKernels", "CLZ4", "COpenSSL", nioCore, nioPosix, logging], swiftSettings: hotSettings),
    // The rules' language. Depends on nothing.
    .target(name: "CEL", swiftSettings: hotSettings),
    .target(name: "Models", dependencies: ["Wire", "CEL", "CKernels", yaml], swiftSettings: hotSettings),
    .target(
      name: "Worker", dependencies: ["Wire", "Models", "CKernels", deque, nioCore, nioPosix, nioHTTP, logging, yaml, histogram],
      swiftSettings: hotSettings),
    .target(
      name: "Coordinator", dependencies: ["Wire", "Models", "CSQLite", nioCore, nioPosix, nioHTTP, logging, yaml], swiftSettings: settings),
    .target(name: "Client", dependencies: ["Wire", "Models", deque, nioCore, nioPosix, logging, histogram], swiftSettings: hotSettings),
    .executableTarget(
      name: "Assay", dependencies: ["Wire", "Models", "Worker", "Coordinator", "Client", arguments, logging, yaml, histogram, heap],
      swiftSettings: settings),
    .executableTarget(
      name: "Benchmarks", dependencies: ["Wire", "CEL", "Models", "Worker", "Client", nioCore, nioPosix, logging, arguments],
      path: "Tests/Benchmarks", swiftSettings: settings),
    .executableTarget(
      name: "Chaos", dependencies: ["Wire", "Models", "Worker", "Client", "ChaosSystem", nioCore, nioPosix, logging, arguments],
      path: "Tests/Chaos", exclude: ["System", "Faults", "README.md"], swiftSettings: settings),
    .target(name: "ChaosSystem", path: "Tests/Chaos/System"),
    // Loaded into the program under test by LD_PRELOAD.
    .target(name: "ChaosFaults", dependencies: ["ChaosSystem"], path: "Tests/Chaos/Faults"),

    .testTarget(name: "WireTests", dependencies: ["Wire", "COpenSSL", nioCore, nioPosix, logging], swiftSettings: settings),
    .testTarget(name: "CELTests", dependencies: ["CEL"], swiftSettings: settings),
    .testTarget(name: "ModelsTests", dependencies: ["Models"], exclude: ["Fixtures"], swiftSettings: settings),
    // The exchange's cores among faults: run by the tests, and by the exhaustive search's program with planted mistakes.
    .target(name: "ExchangeModel", dependencies: ["Wire", "Worker"], path: "Tests/ExchangeModel", swiftSettings: settings),
    .testTarget(
      name: "WorkerTests", dependencies: ["Worker", "Wire", "Models", "ExchangeModel", nioCore, nioPosix, nioHTTP, logging],
      swiftSettings: settings),
    .testTarget(
      name: "CoordinatorTests", dependencies: ["Coordinator", "Models", nioCore, nioPosix, logging], exclude: ["Scenarios"],
      swiftSettings: settings),
    .testTarget(name: "ClientTests", dependencies: ["Client", "Wire", "Models", nioCore, nioPosix, logging], swiftSettings: settings),
    .testTarget(name: "ProcessTests", dependencies: ["Wire", "Models", nioCore, nioPosix], swiftSettings: settings),
  ] + (hasMutants ? simulation : [])
)
