/// Label names and values of one series, in the order in which they are shown.
public struct MetricLabels: Hashable, Sendable, ExpressibleByDictionaryLiteral {
  public static var none: MetricLabels { [:] }

  /// `name="value",...`, escaped: two sets of labels are the same series when this is the same.
  let text: String

  public init(dictionaryLiteral pairs: (String, String)...) { self.init(pairs) }

  /// Label names are letters, digits and underscores; values are any text. A wrong name is the caller's error.
  public init(_ pairs: [(String, String)]) {
    var text = ""
    for (name, value) in pairs {
      precondition(Self.isName(name, colons: false), "`\(name)` is not a label's name")
      if !text.isEmpty { text += "," }
      text += "\(name)=\"\(Self.escaped(value, quotes: true))\""
    }
    self.text = text
  }

  /// With braces; empty where there are no labels.
  func shown(adding extra: String = "") -> String {
    switch (text.isEmpty, extra.isEmpty) {
    case (true, true): ""
    case (false, true): "{\(text)}"
    case (true, false): "{\(extra)}"
    case (false, false): "{\(text),\(extra)}"
    }
  }

  static func isName(_ name: String, colons: Bool) -> Bool {
    guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      (97...122).contains(byte | 0x20) || (48...57).contains(byte) || byte == 95 || (colons && byte == 58)
    }
  }

  /// Prometheus text format 0.0.4: backslash and line feed are escaped everywhere, quotes in label values.
  static func escaped(_ value: String, quotes: Bool) -> String {
    guard value.utf8.contains(where: { $0 == 92 || $0 == 10 || $0 == 34 }) else { return value }
    var out = ""
    for character in value.unicodeScalars {
      switch character {
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\"" where quotes: out += "\\\""
      default: out.unicodeScalars.append(character)
      }
    }
    return out
  }
}
