import Foundation

/// Decisions a second above, latency below on a logarithmic scale, and the faults as bands across both.
struct TimelinePicture {
  let timeline: Timeline
  let history: History
  let rate: Double

  private let width = 1280.0
  private let left = 78.0
  private let right = 24.0
  private let rateTop = 104.0
  private let rateHeight = 190.0
  private let latencyTop = 346.0
  private let latencyHeight = 230.0
  private var latencyBottom: Double { latencyTop + latencyHeight }

  private var span: Double { max(1, Double(timeline.seconds.count)) }
  private func x(_ second: Double) -> Double { left + (width - left - right) * second / span }
  private func x(at time: Int64) -> Double { x(Double(time - history.began) / 1e9) }

  var svg: String {
    var parts: [String] = []
    let families = FaultFamily.allCases.filter { family in history.faults.contains { $0.kind.family == family } }
    let height = latencyBottom + 76
    parts.append(
      """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(f(width)) \(f(height))" font-family="Helvetica, Arial, sans-serif" font-size="13" fill="#24292f">
      <rect width="\(f(width))" height="\(f(height))" fill="#ffffff"/>
      <text x="\(f(left))" y="28" font-size="18" font-weight="bold">Decisions and latency under faults</text>
      <text x="\(f(left))" y="48" fill="#57606a">\(Int(rate)) transactions a second are due, whatever the cluster does; latency counts from when each was due</text>
      """)
    parts += faultBands()
    parts += rateGrid() + [ratePlot()]
    parts += latencyGrid() + latencyPlots()
    parts += timeAxis()
    parts += legend(families, y: latencyBottom + 58)
    parts.append("</svg>\n")
    return parts.joined(separator: "\n")
  }

  // MARK: Faults

  private func faultBands() -> [String] {
    var parts: [String] = []
    // Numbers stand in two rows where they would touch.
    var lastLabel = [-100.0, -100.0]
    for (index, fault) in history.faults.enumerated() {
      let from = x(at: fault.began)
      let to = max(from + 2, x(at: fault.healed))
      let color = fault.kind.family.color
      let top = rateTop - 8
      parts.append(
        "<rect x=\"\(f(from))\" y=\"\(f(top))\" width=\"\(f(to - from))\" height=\"\(f(latencyBottom - top))\" fill=\"\(color)\" fill-opacity=\"0.16\"/>"
          + "<line x1=\"\(f(from))\" x2=\"\(f(from))\" y1=\"\(f(top))\" y2=\"\(f(latencyBottom))\" stroke=\"\(color)\" stroke-width=\"1\"/>"
      )
      if let whole = fault.whole {
        // Undone, and not yet whole again.
        parts.append(
          "<rect x=\"\(f(to))\" y=\"\(f(top))\" width=\"\(f(max(0, x(at: whole) - to)))\" height=\"5\" fill=\"\(color)\" fill-opacity=\"0.55\"/>"
        )
      }
      let row = from - lastLabel[0] > 22 ? 0 : 1
      lastLabel[row] = from
      let y = rateTop - 14 - Double(row) * 15
      parts.append(
        "<text x=\"\(f(from))\" y=\"\(f(y))\" font-size=\"12\" font-weight=\"bold\" fill=\"\(color)\">\(index + 1)<title>\(index + 1): \(fault.kind.title), \(fault.target)</title></text>"
      )
    }
    return parts
  }

  // MARK: Decisions a second

  private var rateTopValue: Double {
    // Bursts after a stop may be many times the rate: they are cut off, and the scale stays readable.
    let most = Double(timeline.seconds.map(\.decisions).max() ?? 1)
    return Self.nice(min(max(most, rate), rate * 3))
  }

  private static func nice(_ value: Double) -> Double {
    let power = pow(10, floor(log10(max(value, 1))))
    for step in [1.0, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8] where step * power >= value { return step * power }
    return 10 * power
  }

  private func yRate(_ value: Double) -> Double { rateTop + rateHeight * (1 - min(value, rateTopValue) / rateTopValue) }

  private func rateGrid() -> [String] {
    var parts = [title("decisions/s", y: rateTop + rateHeight / 2)]
    for step in 0...4 {
      let value = rateTopValue * Double(step) / 4
      parts.append(gridLine(yRate(value), label: Self.count(value)))
    }
    parts.append(
      "<line x1=\"\(f(left))\" x2=\"\(f(width - right))\" y1=\"\(f(yRate(rate)))\" y2=\"\(f(yRate(rate)))\" stroke=\"#57606a\" stroke-dasharray=\"5 4\"/>"
    )
    return parts
  }

  private static func count(_ value: Double) -> String { value >= 10_000 ? "\(Int(value / 1000))k" : "\(Int(value))" }

  private func ratePlot() -> String {
    // The last second is cut short.
    let seconds = timeline.seconds.dropLast()
    var path = "M\(f(x(0))) \(f(yRate(0)))"
    for (index, second) in seconds.enumerated() {
      let y = yRate(Double(second.decisions))
      path += "L\(f(x(Double(index)))) \(f(y))L\(f(x(Double(index + 1)))) \(f(y))"
    }
    path += "L\(f(x(Double(seconds.count)))) \(f(yRate(0)))Z"
    return "<path d=\"\(path)\" fill=\"#1f6feb\" fill-opacity=\"0.28\" stroke=\"#1f6feb\" stroke-width=\"1.4\" stroke-linejoin=\"round\"/>"
  }

  // MARK: Latency

  private var decades: (low: Double, high: Double) {
    let values = timeline.seconds.flatMap { [$0.p50, $0.max].compactMap { $0 } }
    let low = floor(log10(max(values.min() ?? 1, 0.1)))
    let high = ceil(log10(max(values.max() ?? 10, 10)))
    return (low, max(high, low + 1))
  }

  private func yLatency(_ milliseconds: Double) -> Double {
    let (low, high) = decades
    let share = (log10(max(milliseconds, pow(10, low))) - low) / (high - low)
    return latencyBottom - latencyHeight * min(1, share)
  }

  private func latencyGrid() -> [String] {
    var parts = [title("latency", y: latencyTop + latencyHeight / 2)]
    for decade in Int(decades.low)...Int(decades.high) {
      let value = pow(10, Double(decade))
      let label = value >= 1000 ? "\(Int(value / 1000)) s" : value >= 1 ? "\(Int(value)) ms" : "\(value) ms"
      parts.append(gridLine(yLatency(value), label: label))
    }
    return parts
  }

  private func latencyPlots() -> [String] {
    let p99 = "<path d=\"\(latencyPath(\.p99))\" fill=\"none\" stroke=\"#cf222e\" stroke-width=\"1.6\" stroke-linejoin=\"round\"/>"
    let p50 = "<path d=\"\(latencyPath(\.p50))\" fill=\"none\" stroke=\"#1a7f37\" stroke-width=\"1.6\" stroke-linejoin=\"round\"/>"
    let max = "<path d=\"\(latencyPath(\.max))\" fill=\"none\" stroke=\"#8c959f\" stroke-width=\"1\" stroke-linejoin=\"round\"/>"
    return [max, p99, p50]
  }

  private func latencyPath(_ value: KeyPath<Timeline.Second, Double?>) -> String {
    var path = ""
    var isDown = false
    for (index, second) in timeline.seconds.enumerated() {
      guard let milliseconds = second[keyPath: value] else {
        isDown = false
        continue
      }
      path += "\(isDown ? "L" : "M")\(f(x(Double(index) + 0.5))) \(f(yLatency(milliseconds)))"
      isDown = true
    }
    return path
  }

  // MARK: Axes

  private func timeAxis() -> [String] {
    let step = [5.0, 10, 15, 30, 60, 120, 300, 600].first { span / $0 <= 16 } ?? 1200
    return stride(from: 0.0, through: span, by: step).map { second in
      let label = step >= 60 ? "\(Int(second / 60)) min" : "\(Int(second)) s"
      return
        "<line x1=\"\(f(x(second)))\" x2=\"\(f(x(second)))\" y1=\"\(f(latencyBottom))\" y2=\"\(f(latencyBottom + 5))\" stroke=\"#57606a\"/>"
        + "<text x=\"\(f(x(second)))\" y=\"\(f(latencyBottom + 20))\" text-anchor=\"middle\" fill=\"#57606a\">\(label)</text>"
    }
  }

  private func gridLine(_ y: Double, label: String) -> String {
    "<line x1=\"\(f(left))\" x2=\"\(f(width - right))\" y1=\"\(f(y))\" y2=\"\(f(y))\" stroke=\"#d0d7de\" stroke-width=\"0.8\"/>"
      + "<text x=\"\(f(left - 8))\" y=\"\(f(y + 4))\" text-anchor=\"end\" fill=\"#57606a\">\(label)</text>"
  }

  private func title(_ text: String, y: Double) -> String {
    "<text x=\"20\" y=\"\(f(y))\" text-anchor=\"middle\" font-weight=\"bold\" transform=\"rotate(-90 20 \(f(y)))\">\(text)</text>"
  }

  private func legend(_ families: [FaultFamily], y: Double) -> [String] {
    var at = left
    var parts: [String] = []
    func add(_ text: String, _ mark: String, _ space: Double) {
      parts.append("<g transform=\"translate(\(f(at)) \(f(y)))\">\(mark)<text x=\"26\" y=\"4\">\(text)</text></g>")
      at += space
    }
    add("p50", "<line x1=\"0\" x2=\"20\" y1=\"0\" y2=\"0\" stroke=\"#1a7f37\" stroke-width=\"2\"/>", 72)
    add("p99", "<line x1=\"0\" x2=\"20\" y1=\"0\" y2=\"0\" stroke=\"#cf222e\" stroke-width=\"2\"/>", 84)
    add("slowest", "<line x1=\"0\" x2=\"20\" y1=\"0\" y2=\"0\" stroke=\"#8c959f\" stroke-width=\"2\"/>", 104)
    for family in families {
      add(
        family.title,
        "<rect x=\"2\" y=\"-7\" width=\"16\" height=\"14\" fill=\"\(family.color)\" fill-opacity=\"0.3\" stroke=\"\(family.color)\"/>",
        Double(family.title.count) * 7 + 52)
    }
    parts.append(
      "<text x=\"\(f(width - right))\" y=\"\(f(y + 4))\" text-anchor=\"end\" fill=\"#57606a\">the strip after a band: until the cluster is whole again</text>"
    )
    return parts
  }

  private func f(_ value: Double) -> String { String(format: "%.1f", value) }
}
