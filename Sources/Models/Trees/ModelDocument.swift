/// A place in a model document: a JSON value and the path to it, for errors.
struct ModelDocument {
  private let bytes: [UInt8]
  private let value: ModelJSONParser.Value
  let path: String

  init(_ bytes: [UInt8]) throws(ModelError) {
    self.bytes = bytes
    self.value = try ModelJSONParser.parse(bytes)
    self.path = ""
  }

  private init(bytes: [UInt8], value: ModelJSONParser.Value, path: String) {
    self.bytes = bytes
    self.value = value
    self.path = path
  }

  static let advice = "The file is damaged or in another format: export the model again."

  func error(_ code: ModelError.Code, _ what: String, advice: String = Self.advice) -> ModelError {
    ModelError(code, what, at: path.isEmpty ? "the document" : path, advice: advice)
  }

  func optional(_ name: String) throws(ModelError) -> ModelDocument? {
    guard case .object(let members) = value else { throw error(.malformed, "An object is expected") }
    guard let member = members.first(where: { $0.name == name }) else { return nil }
    return ModelDocument(bytes: bytes, value: member.value, path: path.isEmpty ? name : "\(path).\(name)")
  }

  func member(_ name: String) throws(ModelError) -> ModelDocument {
    guard let member = try optional(name) else { throw error(.malformed, "The member \"\(name)\" is missing") }
    return member
  }

  func elements() throws(ModelError) -> [ModelDocument] {
    let values: [ModelJSONParser.Value]
    switch value {
    case .array(let elements): values = elements
    case .scalars(_, count: 0): values = []
    default: throw error(.malformed, "An array is expected")
    }
    return values.enumerated().map { ModelDocument(bytes: bytes, value: $1, path: "\(path)[\($0)]") }
  }

  var isEmpty: Bool {
    switch value {
    case .null, .scalars(_, count: 0): true
    case .array(let elements): elements.isEmpty
    case .object(let members): members.isEmpty
    default: false
    }
  }

  func string() throws(ModelError) -> String {
    guard case .string(let string) = value else { throw error(.malformed, "A string is expected") }
    return string
  }

  /// An integer, or a string that holds one (XGBoost writes its parameters as strings).
  func integer() throws(ModelError) -> Int {
    let integer: Int? =
      switch value {
      case .string(let string): Int(string)
      case .number(let range): Int(text(range))
      default: nil
      }
    guard let integer else { throw error(.malformed, "An integer is expected") }
    return integer
  }

  /// Rounded once from its decimal text to the nearest float32, as XGBoost reads it.
  func floats() throws(ModelError) -> [Float] {
    try scalars { text in
      switch text {
      case "NaN": .nan
      case "Infinity": .infinity
      case "-Infinity": -.infinity
      default: Float(text)
      }
    }
  }

  /// Integers; booleans count as 1 and 0.
  func integers() throws(ModelError) -> [Int] {
    try scalars { text in
      switch text {
      case "true": 1
      case "false": 0
      default: Int(text)
      }
    }
  }

  private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  private func scalars<T>(_ convert: (String) -> T?) throws(ModelError) -> [T] {
    guard case .scalars(let range, let count) = value else {
      throw error(.malformed, "An array of numbers is expected")
    }
    var result: [T] = []
    result.reserveCapacity(count)
    var start = range.lowerBound
    for at in range.lowerBound...range.upperBound where count > 0 {
      guard at == range.upperBound || bytes[at] == UInt8(ascii: ",") else { continue }
      guard let element = convert(text(trimmed(start..<at))) else {
        throw ModelError(
          .malformed, "A number has the wrong type", at: "\(path)[\(result.count)]", advice: Self.advice)
      }
      result.append(element)
      start = at + 1
    }
    return result
  }

  private func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (low, high) = (range.lowerBound, range.upperBound)
    while low < high, bytes[low] <= 0x20 { low += 1 }
    while low < high, bytes[high - 1] <= 0x20 { high -= 1 }
    return low..<high
  }
}
