import Models
import Wire

/// An entity, and a transaction's features, in words and as JSON.
enum EntityText {
  static func entity(_ answer: EntityAnswer, _ name: String) -> String {
    var lines = [name, "  \(place(answer))"]
    guard answer.eventCount > 0 else { return (lines + ["  no history"]).joined(separator: "\n") }
    lines.append(
      "  \(answer.eventCount) events kept, \(Timestamp.text(answer.oldestTime)) to \(Timestamp.text(answer.newestTime)), "
        + "\(NumberText.bytes(answer.memoryBytes))\(answer.isTruncated ? "; older ones are no longer kept one by one" : "")")
    lines.append("features at its newest event")
    lines += answer.features.filter { !$0.value.isNaN }.map(feature)
    return (lines + events(answer)).joined(separator: "\n")
  }

  static func features(_ answer: EntityAnswer, _ transaction: String) -> String {
    var lines = ["transaction \(transaction)"]
    if let decided = answer.decided {
      lines.append(
        "  \(decided.action), score \(decided.score)\(decided.reasons.isEmpty ? "" : ", " + decided.reasons.joined(separator: ", "))"
          + (decided.flags.isEmpty ? "" : " (\(decided.flags.joined(separator: ", ")))"))
      lines.append("  \(decided.partition) offset \(decided.offset), event \(Timestamp.text(decided.eventTime)), bundle \(decided.bundle)")
    }
    lines.append("features, as they were decided by")
    lines += answer.features.map(feature)
    return (lines + events(answer)).joined(separator: "\n")
  }

  private static func place(_ answer: EntityAnswer) -> String {
    "\(answer.partition), epoch \(answer.epoch), committed to offset \(answer.commit), bundle \(answer.bundle)"
  }

  private static func feature(_ feature: EntityAnswer.Feature) -> String {
    var line = "  \(feature.name.padding(to: 28)) \(value(feature.value).padding(to: 14))"
    guard feature.after < feature.until else { return line }
    let shown = feature.events.prefix(12).map { "\($0 + 1)" }.joined(separator: " ")
    line += " \(feature.count) events after \(Timestamp.text(feature.after)) up to \(Timestamp.text(feature.until))"
    if !shown.isEmpty { line += ": \(shown)\(feature.events.count > 12 || feature.count > feature.events.count ? " ..." : "")" }
    return line + (feature.isPartial ? "; older ones are no longer kept one by one" : "")
  }

  private static func value(_ value: Double) -> String {
    value.isNaN ? "missing" : value == value.rounded() && value.magnitude < 1e15 ? "\(Int64(value))" : "\(value)"
  }

  private static func events(_ answer: EntityAnswer) -> [String] {
    guard !answer.events.isEmpty else { return [] }
    return ["events, newest first"]
      + answer.events.enumerated().map { number, event in
        let fields = event.fields.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
        return "  \("\(number + 1)".padding(to: 4)) \(Timestamp.text(event.time))  amount \(event.amount)  \(fields)"
      }
  }

  // MARK: JSON

  static func json(_ answer: EntityAnswer) -> String {
    var members = [
      "\"partition\":\(answer.partition.rawValue)", "\"epoch\":\(answer.epoch.rawValue)", "\"commit\":\(answer.commit.rawValue)",
      "\"bundle\":\(quoted("\(answer.bundle)"))", "\"events_kept\":\(answer.eventCount)",
    ]
    if answer.eventCount > 0 {
      members += [
        "\"oldest\":\(quoted(Timestamp.text(answer.oldestTime)))", "\"newest\":\(quoted(Timestamp.text(answer.newestTime)))",
        "\"truncated\":\(answer.isTruncated)", "\"memory_bytes\":\(answer.memoryBytes)",
      ]
    }
    if let decided = answer.decided {
      let texts = { (texts: [String]) in "[\(texts.map(quoted).joined(separator: ","))]" }
      members.append(
        "\"decision\":{\"partition\":\(decided.partition.rawValue),\"offset\":\(decided.offset.rawValue),"
          + "\"bundle\":\(quoted("\(decided.bundle)")),\"action\":\(quoted(decided.action)),\"score\":\(decided.score),"
          + "\"reasons\":\(texts(decided.reasons)),\"flags\":\(texts(decided.flags)),"
          + "\"event_time\":\(quoted(Timestamp.text(decided.eventTime)))}")
    }
    let features = answer.features.map { feature in
      var parts = ["\"name\":\(quoted(feature.name))", "\"value\":\(feature.value.isFinite ? "\(feature.value)" : "null")"]
      if feature.after < feature.until {
        parts += [
          "\"after\":\(quoted(Timestamp.text(feature.after)))", "\"until\":\(quoted(Timestamp.text(feature.until)))",
          "\"count\":\(feature.count)", "\"events\":\(feature.events)", "\"partial\":\(feature.isPartial)",
        ]
      }
      return "{\(parts.joined(separator: ","))}"
    }
    members.append("\"features\":[\(features.joined(separator: ","))]")
    let events = answer.events.map { event in
      let fields = event.fields.map { ",\(quoted($0.name)):\(quoted($0.value))" }.joined()
      return "{\"time\":\(quoted(Timestamp.text(event.time))),\"amount\":\(event.amount)\(fields)}"
    }
    members.append("\"events\":[\(events.joined(separator: ","))]")
    return "{\(members.joined(separator: ","))}"
  }

  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": out += "\\\(scalar)"
      case _ where scalar.value < 0x20: out += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}

extension String {
  fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
