import Foundation
import Models
import Wire

/// A bundle from a directory or from a file that `assay bundle build` made: checked as a worker checks it.
struct BundleSource {
  let archive: BundleArchive
  let contents: [UInt8]
  let bundle: Models.Bundle

  init(archive: BundleArchive) throws {
    self.archive = archive
    contents = archive.encode()
    guard contents.count <= ClusterLimit.bundleSize else {
      throw OneLine(
        "the bundle has \(NumberText.bytes(contents.count)), and at most \(NumberText.bytes(ClusterLimit.bundleSize)) are taken: "
          + "use fewer or smaller trees")
    }
    bundle = try Models.Bundle(archive: archive, id: BundleID(contents: contents))
  }

  /// Tells everything that is wrong, a line each, on standard error.
  init(checking path: String) throws {
    let archive = try BundleSource.archive(path)
    let findings = BundleCheck.findings(in: archive)
    guard findings.isEmpty else {
      for finding in findings { Output.error("\(path)/\(finding)\n") }
      throw OneLine("\(path) has \(findings.count == 1 ? "a mistake" : "\(findings.count) mistakes")")
    }
    try self.init(archive: archive)
  }

  /// Errors in a directory's files name them as the person gave them.
  init(path: String) throws {
    do {
      try self.init(archive: try BundleSource.archive(path))
    } catch var error as DefinitionError {
      error.file = "\(path)/\(error.file)"
      throw error
    }
  }

  /// What can be read of a bundle's file, and why not the rest.
  static func readable(_ path: String) throws -> (archive: BundleArchive, problem: String?) {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue else {
      return (try archive(path), nil)
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw OneLine("can't read \(path): \(String(cString: strerror(errno)))")
    }
    return BundleArchive.readable([UInt8](data))
  }

  private static func archive(_ path: String) throws -> BundleArchive {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw OneLine("\(path) does not exist: give a bundle's directory or file")
    }
    guard isDirectory.boolValue else {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw OneLine("can't read \(path): \(String(cString: strerror(errno)))")
      }
      do throws(DefinitionError) {
        return try BundleArchive(reading: [UInt8](data))
      } catch {
        throw OneLine("\(path): \(error)")
      }
    }
    return try BundleDirectory(path: path).read()
  }

  /// What it is, a line each.
  var summary: [String] {
    var lines = [
      "bundle      \(bundle.name), id \(bundle.id), \(NumberText.bytes(contents.count)) in \(archive.files.count) files",
      "features    \(bundle.features.count): \(Self.shown(bundle.features.names))",
    ]
    for feature in bundle.features.features {
      guard let error = feature.errorBound else { continue }
      lines.append("            \(feature.name): beyond \(bundle.features.eventsPerEntityMax) events of an entity, \(error)")
    }
    if let model = bundle.model {
      let nodes = model.ensemble.trees.reduce(0) { $0 + $1.nodes.count }
      lines.append(
        "model       \(model.format.rawValue), \(NumberText.grouped(model.ensemble.trees.count)) trees, "
          + "\(NumberText.grouped(nodes)) nodes, \(model.featureIndices.count) features")
    } else {
      lines.append("model       none: every score is 0")
    }
    let review = bundle.policy.review.map { "review from \($0)" } ?? "nothing is reviewed"
    let decline = bundle.policy.decline.map { "decline from \($0)" } ?? "nothing is declined"
    lines.append("thresholds  \(review), \(decline)")
    if let rules = bundle.rules?.book {
      let modes = Rule.Mode.allCases.compactMap { mode in
        let count = rules.rules.count { $0.mode == mode }
        return count == 0 ? nil : "\(count) \(mode.rawValue)"
      }
      lines.append("rules       \(rules.rules.count) (\(modes.joined(separator: ", "))): \(Self.shown(rules.rules.map(\.id)))")
      for (index, reason) in rules.boxed.sorted(by: { $0.key < $1.key }) {
        lines.append("            \(rules.rules[index].id) allocates memory when it is evaluated: \(reason)")
      }
    }
    for list in bundle.lists {
      lines.append(
        "list        \(list.name): \(list.type.rawValue), \(NumberText.grouped(list.count)) items, \(NumberText.bytes(list.memoryBytes))")
    }
    for table in bundle.geo {
      lines.append(
        "geo         \(table.name): \(table.type), built \(table.built), \(NumberText.grouped(table.recordCount)) records, "
          + Self.shown(table.columns.map(\.name)))
    }
    lines.append("reasons     \(bundle.reasonRules.isEmpty ? "none declared" : Self.shown(bundle.reasonRules.map(\.code)))")
    return lines
  }

  private static func shown(_ names: [String]) -> String {
    names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", and \(names.count - 8) more" : "")
  }
}

/// A bundle's files alone, for who only passes them on; checked all the same.
enum BundleFiles {
  static func read(_ path: String) throws -> BundleArchive { try BundleSource(path: path).archive }
}
