/// Everything that is wrong with a bundle's files, for the people who write them. Stricter than what a worker needs to load
/// one: a file that nothing names is a mistake, too.
public enum BundleCheck {
  /// By file, line and column; empty for a bundle that can be built.
  public static func findings(in archive: BundleArchive) -> [DefinitionError] {
    let findings = Findings()
    let definition = BundleReader(archive: archive, findings: findings).read()
    if let definition {
      unused(archive, definition, findings)
      _ = BundleTest.all(in: archive, definition.schema, definition.features, findings)
    }
    return findings.errors.sorted {
      ($0.file, $0.line ?? 0, $0.column ?? 0) < ($1.file, $1.line ?? 0, $1.column ?? 0)
    }
  }

  /// Lists and geo tables that bundle.yaml does not declare: whoever put one there expects it to do something.
  private static func unused(_ archive: BundleArchive, _ definition: BundleDefinition, _ findings: Findings) {
    for file in archive.files.keys.sorted() where file.hasPrefix("lists/") && !definition.files.contains(file) {
      findings.add(
        DefinitionError(
          file: file, message: "no list of bundle.yaml has this file",
          suggestion: "Declare it under 'lists', as in {name: blocked_ips, file: \(file), type: ip}, or remove it."))
    }
    for file in archive.files.keys.sorted() where file.hasPrefix("geo/") && !definition.files.contains(file) {
      findings.add(
        DefinitionError(
          file: file, message: "no geo table of bundle.yaml has this file",
          suggestion: "Declare it under 'geo', as in {name: city, file: \(file)}, or remove it."))
    }
  }
}
