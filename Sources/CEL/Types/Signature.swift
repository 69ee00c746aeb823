/// One overload of a function: types of arguments and of the result. A method's target is its first argument.
public struct Signature: Sendable, Hashable {
  public var arguments: [ValueType]
  public var result: ValueType
  public var isMethod: Bool
  let parameterNames: [String]

  public init(arguments: [ValueType], result: ValueType, isMethod: Bool) {
    self.arguments = arguments
    self.result = result
    self.isMethod = isMethod
    var names: [String] = []
    func collect(_ type: ValueType) {
      if case .parameter(let name) = type, !names.contains(name) { names.append(name) }
      type.parameters.forEach(collect)
    }
    (arguments + [result]).forEach(collect)
    parameterNames = names
  }

  /// Reads lines such as `charAt(string, int) -> string`; single capital letters are type parameters.
  static func table(_ lines: String, areMethods: Bool) -> [String: [Signature]] {
    var table: [String: [Signature]] = [:]
    for line in lines.split(separator: "\n") {
      var scanner = SignatureScanner(String(line))
      let (name, signature) = scanner.signature(isMethod: areMethods)
      table[name, default: []].append(signature)
    }
    return table
  }
}

/// The tables are ours: a fault in them is a bug, and traps.
private struct SignatureScanner {
  let characters: [Character]
  var index = 0

  init(_ line: String) { characters = line.filter { $0 != " " }.map { $0 } }

  mutating func signature(isMethod: Bool) -> (String, Signature) {
    let place = characters.firstIndex(of: "(")!
    let name = String(characters[..<place])
    index = place
    let arguments = types(until: ")")
    precondition(characters[index] == "-" && characters[index + 1] == ">")
    index += 2
    let result = type()
    precondition(index == characters.count)
    return (name, Signature(arguments: arguments, result: result, isMethod: isMethod))
  }

  /// Between the bracket here and `end`.
  private mutating func types(until end: Character) -> [ValueType] {
    var types: [ValueType] = []
    index += 1
    while characters[index] != end {
      types.append(type())
      if characters[index] == "," { index += 1 }
    }
    index += 1
    return types
  }

  private mutating func type() -> ValueType {
    let start = index
    while index < characters.count, characters[index].isLetter { index += 1 }
    let name = String(characters[start..<index])
    let parameters = index < characters.count && characters[index] == "<" ? types(until: ">") : []
    switch name {
    case "dyn": return .dyn
    case "null": return .null
    case "bool": return .bool
    case "int": return .int
    case "uint": return .uint
    case "double": return .double
    case "string": return .string
    case "bytes": return .bytes
    case "timestamp": return .timestamp
    case "duration": return .duration
    case "ip": return .ip
    case "cidr": return .cidr
    case "list": return .list(parameters[0])
    case "map": return .map(parameters[0], parameters[1])
    case "type": return .type(parameters[0])
    case "optional": return .optional(parameters[0])
    default:
      precondition(name.count == 1)
      return .parameter(name)
    }
  }
}
