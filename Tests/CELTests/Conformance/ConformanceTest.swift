@testable import CEL

/// One test of the specification's files, as far as it can be said without protocol buffers.
struct ConformanceTest {
  enum Expectation {
    case value(Value)
    case error
  }

  /// What a test needs that isn't here.
  struct LeftOut: Error {
    var reason: String

    static let message = LeftOut(reason: "needs a protobuf message")
    static let enumeration = LeftOut(reason: "needs a protobuf enum")
    static let unknown = LeftOut(reason: "needs partial evaluation with unknowns")
  }

  var name: String
  var text: String
  var environment = Environment()
  var isChecked: Bool
  var isEvaluated: Bool
  var variables: [String: Value] = [:]
  var expected: Expectation?
  var expectedType: ValueType?

  init(_ proto: TextProto, name: String) throws {
    self.name = name
    text = proto.text("expr") ?? ""
    isChecked = !proto.flag("disable_check")
    isEvaluated = !proto.flag("check_only")
    environment.container = proto.text("container") ?? ""
    for declaration in proto.messages("type_env") { try declare(declaration) }
    for binding in proto.messages("bindings") {
      guard let key = binding.text("key"), let value = binding.message("value")?.message("value") else { throw LeftOut.unknown }
      variables[key] = try ConformanceValue.value(value)
      // What is bound may be used whether declared or not.
      if environment.variables[key] == nil { environment.variables[key] = .dyn }
    }
    if proto.message("unknown") != nil || proto.message("any_unknowns") != nil { throw LeftOut.unknown }
    if let value = proto.message("value") {
      expected = .value(try ConformanceValue.value(value))
    } else if let typed = proto.message("typed_result") {
      expected = try typed.message("result").map { .value(try ConformanceValue.value($0)) }
      expectedType = try typed.message("deduced_type").map { try ConformanceValue.type($0) }
    } else if proto.message("eval_error") != nil || proto.message("any_eval_errors") != nil {
      expected = .error
    } else {
      expected = .value(.bool(true))
    }
    try requireNoMessages()
  }

  private mutating func declare(_ declaration: TextProto) throws {
    let name = declaration.text("name") ?? ""
    if let type = declaration.message("ident")?.message("type") {
      environment.variables[name] = try ConformanceValue.type(type)
    }
    for overload in declaration.message("function")?.messages("overloads") ?? [] {
      let signature = Signature(
        arguments: try overload.messages("params").map { try ConformanceValue.type($0) },
        result: try overload.message("result_type").map { try ConformanceValue.type($0) } ?? .dyn,
        isMethod: overload.flag("is_instance_function"))
      environment.functions[name, default: []].append(signature)
    }
  }

  /// An expression that makes a message, or speaks of one's type, an enum or an extension, can't be meant for us.
  private func requireNoMessages() throws {
    guard let tree = try? Parser.parse(SourceText(text)) else { return }
    func walk(_ node: Expression) throws {
      if case .structure = node.kind { throw LeftOut.message }
      if let name = node.dottedName { try requireNoMessageName(name) }
      if case .call(_, let function, _) = node.kind { try requireNoMessageName(function) }
      for child in node.children { try walk(child) }
    }
    try walk(tree)
  }

  private func requireNoMessageName(_ name: String) throws {
    if name.hasPrefix("proto.") { throw LeftOut(reason: "needs a protobuf extension field") }
    let enums = ["GlobalEnum", "NestedEnum", "google.protobuf.NullValue"]
    if enums.contains(where: { name.contains($0) }) { throw LeftOut.enumeration }
    let types = ["TestAllTypes", "google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"]
    if types.contains(where: { name.contains($0) }) { throw LeftOut.message }
  }
}
