/// An expression ready to be evaluated: names are places, constants are folded, patterns are compiled.
indirect enum Plan: Sendable {
  case constant(Value)
  /// Index into the program's inputs.
  case input(Int)
  /// Whether the input has a value.
  case hasInput(Int)
  /// A variable of a comprehension or a binding.
  case slot(Int)
  case failure(EvaluationError)
  case select(Plan, String)
  case hasField(Plan, String)
  case and([Plan])
  case or([Plan])
  case conditional(Plan, Plan, Plan)
  case unary(Builtin, Plan)
  case binary(Builtin, Plan, Plan)
  case call(Builtin, [Plan])
  /// `text.matches(pattern)` with a pattern known beforehand.
  case matches(Plan, Pattern)
  /// `value in table`.
  case member(Plan, any MemberTable)
  case list([Element])
  case map([Entry])
  case loop(Loop)
  case bindings([Binding], Plan)
  case optionalMap(Plan, slot: Int, body: Plan, isFlat: Bool)

  struct Element: Sendable {
    var plan: Plan
    var isOptional: Bool
  }

  struct Entry: Sendable {
    var key: Plan
    var value: Plan
    var isOptional: Bool
  }

  struct Binding: Sendable {
    var slot: Int
    var plan: Plan
  }

  struct Loop: Sendable {
    var fold: Comprehension.Fold
    var range: Plan
    var firstSlot: Int
    var secondSlot: Int?
    var filter: Plan?
    var body: Plan
  }
}
