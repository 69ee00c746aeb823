/// The scalar programs of many expressions over the same inputs: immutable, shared by threads.
///
/// An expression is refused if it makes lists, maps or new texts, or if a loop runs over anything but a list that is written
/// out; the general evaluator takes those.
public struct ScalarSet: Sendable {
  public let inputs: [ScalarInput]
  let programs: [[Instruction]]
  let constants: [ScalarPool.Constant]
  let tables: Tables
  let temporaries: Int
  /// Why an expression has no program, by its index.
  public let refusals: [Int: String]
  /// Index of the program of an expression.
  private let places: [Int?]

  struct Tables: Sendable {
    var patterns: [Pattern]
    var textSets: [[[UInt8]]]
    var intSets: [[Int64]]
    var doubleSets: [[Double]]
    var zones: [Zone]
    var members: [any MemberTable]
  }

  /// `expressions` were checked in `environment`, which declares the inputs with the same types.
  public init(_ expressions: [CheckedExpression], inputs: [ScalarInput], in environment: Environment) {
    precondition(inputs.count < 0x2000 && inputs.allSatisfy { ScalarInput.types.contains($0.type) })
    var pool = ScalarPool(inputs: inputs)
    var codes: [ScalarCode] = []
    var refusals: [Int: String] = [:]
    var places: [Int?] = []
    for (index, expression) in expressions.enumerated() {
      var compiler = ScalarCompiler(expression, in: environment, pool: pool)
      do throws(ScalarRefusal) {
        try compiler.compile()
        pool = compiler.pool
        places.append(codes.count)
        codes.append(compiler.code)
      } catch {
        refusals[index] = error.reason
        places.append(nil)
      }
    }
    let base = inputs.count + pool.constants.count
    programs = codes.indices.map { codes[$0].finished(temporariesAt: base) }
    temporaries = codes.map(\.temporaries).max() ?? 0
    constants = pool.constants
    tables = Tables(
      patterns: pool.patterns, textSets: pool.textSets, intSets: pool.intSets, doubleSets: pool.doubleSets, zones: pool.zones,
      members: pool.tables)
    self.inputs = inputs
    self.refusals = refusals
    self.places = places
  }

  /// The program of the expression with this index; nil if it was refused.
  public func program(of expression: Int) -> Int? { places[expression] }
}
