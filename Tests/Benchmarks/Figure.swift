import Glibc

/// One measured number, perhaps with a goal.
struct Figure {
  enum Goal {
    case atMost(Double)
    case atLeast(Double)
  }

  var name: String
  var value: Double
  var unit: String
  var digits: Int
  var goal: Goal?

  init(_ name: String, _ value: Double, _ unit: String, digits: Int = 2, goal: Goal? = nil) {
    self.name = name
    self.value = value
    self.unit = unit
    self.digits = digits
    self.goal = goal
  }

  /// nil without a goal.
  var isMet: Bool? {
    switch goal {
    case .atMost(let limit): value <= limit
    case .atLeast(let limit): value >= limit
    case nil: nil
    }
  }

  var goalText: String {
    switch goal {
    case .atMost(let limit): "<= \(decimal(limit, limit == limit.rounded() ? 0 : 1))"
    case .atLeast(let limit): ">= \(decimal(limit, limit == limit.rounded() ? 0 : 1))"
    case nil: ""
    }
  }

  /// A line each; those with a goal say whether it is met.
  static func print(_ figures: [Figure]) {
    for figure in figures {
      let verdict = figure.isMet.map { $0 ? "ok" : "MISSED" } ?? ""
      Swift.print(
        "  " + pad(figure.name, 44) + pad(left: decimal(figure.value, figure.digits), 12) + " " + pad(figure.unit, 22)
          + pad(figure.goalText, 12) + verdict)
    }
  }

  static func printGoals(_ figures: [Figure]) { print(figures.filter { $0.goal != nil }) }
}

func print(title: String) { print("\n\(title)") }

func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
func pad(left text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

func decimal(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return "\(value)" }
  let scale = Int(pow(10, Double(digits)))
  let scaled = Int((value.magnitude * Double(scale)).rounded())
  let text = value < 0 && scaled > 0 ? "-\(scaled / scale)" : "\(scaled / scale)"
  return digits == 0 ? text : text + "." + String(String(scaled % scale + scale).dropFirst())
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty
    ? .nan : sorted.count % 2 == 1 ? sorted[sorted.count / 2] : (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
}
