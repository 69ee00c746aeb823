/// What is wrong with a bundle's files, gathered so that one run names it all.
package final class Findings {
  /// More than this many are not read by anybody.
  static let countMax = 200

  package private(set) var errors: [DefinitionError] = []

  package init() {}

  package func add(_ error: DefinitionError) {
    if errors.count < Self.countMax, !errors.contains(error) { errors.append(error) }
  }

  /// Goes on behind a fault: nil, and the fault is kept.
  package func attempt<Value>(_ body: () throws(DefinitionError) -> Value) -> Value? {
    do throws(DefinitionError) {
      return try body()
    } catch {
      add(error)
      return nil
    }
  }

  /// The value of a reading that gathers; the first fault if it found any.
  static func strict<Value>(_ body: (Findings) -> Value?) throws(DefinitionError) -> Value {
    let findings = Findings()
    let value = body(findings)
    if let first = findings.errors.first { throw first }
    guard let value else { preconditionFailure("a reading without a value has found a fault") }
    return value
  }
}
