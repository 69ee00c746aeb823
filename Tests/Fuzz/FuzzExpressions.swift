// libFuzzer over the rules' language. Compiled alone (see ops/fuzz): -sanitize=fuzzer -parse-as-library -D ASSAY_FUZZ_CEL, with
// CEL; run with SWIFT_BACKTRACE=enable=no.
//
// What must hold for any bytes: no trap, no read out of bounds, an end within the bound of steps; what the scalar programs say is
// what the general evaluator says; reading a text twice finds the same.
#if ASSAY_FUZZ_CEL
  import CEL

  private let inputs = [
    ScalarInput("a", .int), ScalarInput("b", .int, mayBeMissing: false), ScalarInput("u", .uint), ScalarInput("x", .double),
    ScalarInput("s", .string), ScalarInput("p", .bool), ScalarInput("t", .timestamp), ScalarInput("d", .duration),
    ScalarInput("address", .ip), ScalarInput("none", .double),
  ]

  private let environment = {
    var environment = Environment(variables: Dictionary(uniqueKeysWithValues: inputs.map { ($0.name, $0.type) }))
    environment.limits.stepsMax = 20_000
    return environment
  }()

  private let values: [Value?] = [
    .int(7), .int(-3), .uint(12), .double(2.5), .string("Oslo é 10"), .bool(true), .timestamp(Instant(milliseconds: 1_234_567_890_123)!),
    .duration(Interval(nanoseconds: 5_400_000_000_000)), .ip(IPAddress(v4: 0x0A00_0102)), nil,
  ]

  nonisolated(unsafe) private let city: UnsafeBufferPointer<UInt8> = {
    let bytes = Array("Oslo é 10".utf8)
    let text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
    _ = text.initialize(from: bytes)
    return UnsafeBufferPointer(text)
  }()

  @_cdecl("LLVMFuzzerTestOneInput")
  public func fuzzExpression(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start else { return 0 }
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    if let lenient = try? CheckedExpression.check(text, in: environment, isStrict: false) { _ = outcome(lenient) }
    do throws(ExpressionError) {
      let checked = try CheckedExpression.check(text, in: environment)
      let general = outcome(checked)
      if checked.type == .bool { compare(checked, general) }
    } catch {
      precondition(!error.issues.isEmpty && !error.description.isEmpty)
    }
    return 0
  }

  /// nil for what is no bool.
  private func outcome(_ checked: CheckedExpression) -> ScalarFrame.Outcome? {
    let program = Program(checked, in: environment)
    let given = program.inputs.map { name in values[inputs.firstIndex { $0.name == name }!] }
    do throws(EvaluationError) {
      guard case .bool(let truth) = try program.evaluate(inputs: given) else { return nil }
      return truth ? .holds : .fails
    } catch {
      return .error(error.code)
    }
  }

  private func compare(_ checked: CheckedExpression, _ general: ScalarFrame.Outcome?) {
    let set = ScalarSet([checked], inputs: inputs, in: environment)
    guard let program = set.program(of: 0), general != .error(.tooCostly) else { return }
    let frame = ScalarFrame(set)
    frame.set(0, Int64(7))
    frame.set(1, Int64(-3))
    frame.set(2, UInt64(12))
    frame.set(3, 2.5)
    frame.set(4, city)
    frame.set(5, true)
    frame.set(6, Instant(milliseconds: 1_234_567_890_123)!)
    frame.set(7, Interval(nanoseconds: 5_400_000_000_000))
    frame.set(8, IPAddress(v4: 0x0A00_0102))
    let scalar = frame.evaluate(program)
    precondition(scalar == general, "\(scalar), and in general \(String(describing: general))")
  }
#endif
