import Testing

@testable import CEL

@Suite("CEL: tables behind in")
struct TableTests {
  /// Holds what begins with its time's number of `a`s, so that the time that is asked for shows.
  struct Names: MemberTable {
    var element: ValueType { .string }
    func contains(_ text: UnsafeBufferPointer<UInt8>, at time: Int64) -> Bool {
      text.prefix(while: { $0 == UInt8(ascii: "a") }).count >= time
    }
    func contains(_ number: Int64, at time: Int64) -> Bool { false }
    func contains(_ address: (high: UInt64, low: UInt64), at time: Int64) -> Bool { false }
  }

  struct Numbers: MemberTable {
    var element: ValueType { .int }
    func contains(_ text: UnsafeBufferPointer<UInt8>, at time: Int64) -> Bool { false }
    func contains(_ number: Int64, at time: Int64) -> Bool { number == 7 }
    func contains(_ address: (high: UInt64, low: UInt64), at time: Int64) -> Bool { false }
  }

  struct Networks: MemberTable {
    var element: ValueType { .ip }
    func contains(_ text: UnsafeBufferPointer<UInt8>, at time: Int64) -> Bool { false }
    func contains(_ number: Int64, at time: Int64) -> Bool { false }
    func contains(_ address: (high: UInt64, low: UInt64), at time: Int64) -> Bool {
      address.high == 0 && address.low == 0xFFFF_0A00_0001
    }
  }

  static let environment: Environment = {
    var environment = Environment(variables: ["tx.card": .string, "tx.mcc": .int, "tx.ip": .ip])
    environment.tables = ["lists.names": Names(), "lists.codes": Numbers(), "lists.networks": Networks()]
    return environment
  }()

  /// By both evaluators, which must agree.
  static func evaluate(_ text: String, card: String = "aab", mcc: Int64? = 7, time: Int64 = 2) throws -> ScalarFrame.Outcome {
    let inputs = [ScalarInput("tx.card", .string), ScalarInput("tx.mcc", .int), ScalarInput("tx.ip", .ip)]
    let checked = try CheckedExpression.check(text, in: environment)
    let set = ScalarSet([checked], inputs: inputs, in: environment)
    let frame = ScalarFrame(set)
    frame.time = time
    var values: [String: Value] = ["tx.card": .string(card), "tx.ip": .ip(IPAddress(v4: 0x0A00_0001))]
    if let mcc { values["tx.mcc"] = .int(mcc) }
    let bytes = Array(card.utf8)
    let outcome = bytes.withUnsafeBufferPointer { bytes in
      frame.set(0, bytes)
      if let mcc { frame.set(1, mcc) }
      frame.set(2, IPAddress(v4: 0x0A00_0001))
      return frame.evaluate(set.program(of: 0)!)
    }
    let program = Program(checked, in: environment)
    do throws(EvaluationError) {
      let value = try program.evaluate(inputs: program.inputs.map { values[$0] }, time: time)
      guard case .bool(let holds) = value else { throw EvaluationError(.noSuchOverload, "no bool") }
      #expect(outcome == (holds ? .holds : .fails))
    } catch {
      #expect(outcome == .error(error.code))
    }
    return outcome
  }

  static func refusal(_ text: String) -> String? {
    do throws(ExpressionError) {
      _ = try CheckedExpression.check(text, in: environment)
      return nil
    } catch {
      return error.issues.first?.message
    }
  }

  @Test func aTableIsAskedForTheFramesTime() throws {
    #expect(try Self.evaluate("tx.card in lists.names") == .holds)
    #expect(try Self.evaluate("tx.card in lists.names", time: 3) == .fails)
    #expect(try Self.evaluate("!(tx.card in lists.names) || tx.mcc == 0") == .fails)
    #expect(try Self.evaluate("tx.mcc in lists.codes && tx.ip in lists.networks") == .holds)
    #expect(try Self.evaluate("['x', tx.card].exists(c, c in lists.names)") == .holds)
  }

  @Test func whatIsMissingFails() throws {
    #expect(try Self.evaluate("tx.mcc in lists.codes", mcc: nil) == .error(.noSuchField))
    #expect(try Self.evaluate("tx.mcc in lists.codes || tx.card in lists.names", mcc: nil) == .holds)
  }

  @Test func nothingElseTakesATable() {
    #expect(Self.refusal("tx.mcc in lists.names")?.contains("no such overload: 'in' of int, table(string)") == true)
    #expect(Self.refusal("lists.names == lists.names")?.contains("asked by 'in' alone") == true)
    #expect(Self.refusal("size(lists.names) > 0")?.contains("asked by 'in' alone") == true)
    #expect(Self.refusal("tx.card in lists.nmaes") == "there is no variable 'lists.nmaes'; did you mean 'lists.names'?")
    #expect(Self.refusal("tx.crad == 'x'") == "there is no variable 'tx.crad'; did you mean 'tx.card'?")
  }
}
