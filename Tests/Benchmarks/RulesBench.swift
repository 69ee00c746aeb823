import ArgumentParser
import CEL

/// Rules in CEL: compiled over cells, by the general evaluator, and the same condition written in Swift.
struct RulesBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules", abstract: "A CEL rule of five comparisons, beside the same condition as a Swift closure.")

  static let rule = "amount > 500.0 && count_1h >= 3.0 && country != 'NO' && amount_to_mean > 2.5 && seconds_since_last < 60.0"
  static let inputs = [
    ScalarInput("amount", .double, mayBeMissing: false), ScalarInput("count_1h", .double), ScalarInput("country", .string),
    ScalarInput("amount_to_mean", .double), ScalarInput("seconds_since_last", .double),
  ]

  struct Row {
    var amount: Double
    var count: Double?
    var country: UnsafeBufferPointer<UInt8>
    var ratio: Double?
    var seconds: Double?
  }

  func run() throws { _ = try measure() }

  func measure() throws -> [Figure] {
    print(title: "rules: ns an evaluation on one thread, \(Self.rule)")
    let environment = Environment(variables: Dictionary(uniqueKeysWithValues: Self.inputs.map { ($0.name, $0.type) }))
    let checked = try CheckedExpression.check(Self.rule, in: environment)
    let set = ScalarSet([checked], inputs: Self.inputs, in: environment)
    guard let program = set.program(of: 0) else { fatalError("no scalar program: \(set.refusals)") }
    let frame = ScalarFrame(set)
    let texts = ["SE", "NO"].map { text in
      let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 2)
      _ = bytes.initialize(from: text.utf8)
      return UnsafeBufferPointer(bytes)
    }
    defer { texts.forEach { $0.deallocate() } }
    // All five are asked for every row; the mixed ones stop where they may.
    let full = (0..<1024).map { _ in Row(amount: 900, count: 4, country: texts[0], ratio: 3, seconds: 10) }
    let mixed = (0..<1024).map { index in
      Row(
        amount: index % 3 == 0 ? 100 : 900, count: index % 5 == 0 ? nil : 4, country: texts[index % 7 == 0 ? 1 : 0],
        ratio: index % 2 == 0 ? 1 : 3,
        seconds: 10)
    }
    let closure = Self.closure(unlike: texts[1])
    Self.fill(frame, full[0])
    let figures = [
      Figure("CEL, all five asked", time(full) { _ in frame.evaluate(program) == .holds }, "ns", digits: 1, goal: .atMost(150)),
      Figure(
        "the same, inputs set for each row",
        time(full) {
          Self.fill(frame, $0); return frame.evaluate(program) == .holds
        }, "ns", digits: 1),
      Figure(
        "the same, mixed rows",
        time(mixed) {
          Self.fill(frame, $0); return frame.evaluate(program) == .holds
        }, "ns", digits: 1),
      Figure("Swift closure, all five asked", time(full, closure), "ns", digits: 1),
      Figure("Swift closure, mixed rows", time(mixed, closure), "ns", digits: 1),
      try general(checked, environment),
    ]
    Figure.print(figures)
    print("  CEL to closure, all five asked, inputs set: " + decimal(figures[1].value / figures[3].value, 1) + " times")
    return figures
  }

  /// The general evaluator, which boxes its values.
  private func general(_ checked: CheckedExpression, _ environment: Environment) throws -> Figure {
    let program = Program(checked, in: environment)
    let values: [String: Value] = [
      "amount": .double(900), "count_1h": .double(4), "country": .string("SE"), "amount_to_mean": .double(3),
      "seconds_since_last": .double(10),
    ]
    let inputs = program.inputs.map { values[$0] }
    let nanoseconds = time([0]) { _ in
      if case .bool(true)? = try? program.evaluate(inputs: inputs) { true } else { false }
    }
    return Figure("CEL, the general evaluator", nanoseconds, "ns", digits: 1)
  }

  private static func fill(_ frame: ScalarFrame, _ row: Row) {
    frame.set(0, row.amount)
    if let count = row.count { frame.set(1, count) } else { frame.remove(1) }
    frame.set(2, row.country)
    if let ratio = row.ratio { frame.set(3, ratio) } else { frame.remove(3) }
    if let seconds = row.seconds { frame.set(4, seconds) } else { frame.remove(4) }
  }

  /// What a person would write for the rule; not known to the compiler where it is called.
  private static func closure(unlike home: UnsafeBufferPointer<UInt8>) -> (Row) -> Bool {
    { row in
      guard row.amount > 500, let count = row.count, count >= 3, !row.country.elementsEqual(home), let ratio = row.ratio, ratio > 2.5,
        let seconds = row.seconds
      else { return false }
      return seconds < 60
    }
  }

  /// Median of five rounds, nanoseconds a row.
  private func time<T>(_ rows: [T], _ evaluate: (T) -> Bool) -> Double {
    let repeats = 200_000 / rows.count + 1
    var hits = 0
    let rounds = (0..<5).map { _ in
      ProcessTimes.cpuSeconds {
        for _ in 0..<repeats { for row in rows where evaluate(row) { hits += 1 } }
      } * 1e9 / Double(repeats * rows.count)
    }
    precondition(hits > 0)
    return median(rounds)
  }
}
