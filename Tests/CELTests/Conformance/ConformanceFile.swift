import Foundation

@testable import CEL

/// A file of tests, run.
struct ConformanceFile {
  var name: String
  var passed = 0
  var failures: [String] = []
  /// How many for each reason.
  var leftOut: [String: Int] = [:]

  init(path: String) throws {
    let proto = try TextProto(parsing: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
    name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    for section in proto.messages("section") {
      for test in section.messages("test") {
        run(test, name: "\(name)/\(section.text("name") ?? "")/\(test.text("name") ?? "")")
      }
    }
  }

  private mutating func run(_ proto: TextProto, name: String) {
    do {
      var test = try ConformanceTest(proto, name: name)
      try Self.addZones(to: &test.environment, for: test.text)
      if let failure = Self.failure(of: test) { failures.append("\(name): \(failure)\n    \(test.text)") } else { passed += 1 }
    } catch let reason as ConformanceTest.LeftOut {
      leftOut[reason.reason, default: 0] += 1
    } catch {
      failures.append("\(name): the test can't be read: \(error)")
    }
  }

  /// nil if the test passes.
  private static func failure(of test: ConformanceTest) -> String? {
    let checked: CheckedExpression
    do throws(ExpressionError) {
      checked = try CheckedExpression.check(test.text, in: test.environment, isStrict: test.isChecked)
    } catch {
      if case .error? = test.expected { return nil }
      return "refused: \(error)"
    }
    if let type = test.expectedType, checked.type != type { return "its type is \(checked.type), not \(type)" }
    guard test.isEvaluated, let expected = test.expected else { return nil }
    do throws(EvaluationError) {
      let value = try Program(checked, in: test.environment).evaluate(test.variables)
      switch expected {
      case .error: return "\(value), where an error is due"
      case .value(let wanted): return ConformanceValue.isSame(value, wanted) ? nil : "\(value), not \(wanted)"
      }
    } catch {
      if case .error = expected { return nil }
      return "failed: \(error)"
    }
  }

  /// Zones that the expression names, from this machine's database.
  private static func addZones(to environment: inout Environment, for text: String) throws {
    for name in ["Australia/Sydney", "US/Central", "America/St_Johns", "Asia/Kathmandu"] where text.contains(name) {
      guard let data = FileManager.default.contents(atPath: "/usr/share/zoneinfo/\(name)") else {
        throw ConformanceTest.LeftOut(reason: "this machine has no time zone database")
      }
      try environment.zones.add(name, tzif: [UInt8](data))
    }
  }
}
