/// One step of a scalar program: 12 bytes. `a` and `b` are operands, `c` the result, all indices of cells.
struct Instruction {
  enum Operation: UInt8 {
    // Ends
    case returnTrue, returnFalse
    /// Returns cell `a`.
    case returnValue
    /// Ends with the error at hand.
    case fail
    // Ways
    case jump
    case copy
    case clear
    /// Keeps the first error in cell `c`.
    case note
    /// Goes to `target` with the error in cell `a`, if there is one.
    case raise
    /// Fails if input `a` is missing.
    case require

    // Tests: to `target` if the answer is `c`.
    case test, isPresent
    case equalBits, lessInt, lessEqualInt, lessUInt, lessEqualUInt, equalDouble, lessDouble, lessEqualDouble
    case equalPair, lessInstant, lessEqualInstant
    case equalText, lessText, lessEqualText, startsWith, endsWith, contains
    /// `b` is an index of the patterns, of the sets.
    case matches, inTexts, inInts, inDoubles
    /// `b` is an index of the tables.
    case inTextTable, inIntTable, inAddressTable
    case isNaN, isInfinite, isFinite
    /// Network in cells `b` and `b + 1` (the mask).
    case inNetwork

    // Values: cell `c` of cells `a` and `b`; those that may fail go to `target`.
    case addInt, subtractInt, multiplyInt, divideInt, remainderInt, negateInt
    case addUInt, subtractUInt, multiplyUInt, divideUInt, remainderUInt
    case addDouble, subtractDouble, multiplyDouble, divideDouble, negateDouble
    case intToDouble, uintToDouble, doubleToInt, doubleToUInt, intToUInt, uintToInt
    case instantToInt, durationToInt, intToInstant, intToDuration
    case moveInstant, moveInstantBack, betweenInstants
    /// `b` is the part; `target` the index of the zone, or -1 for UTC.
    case instantPart, durationPart
    case sizeOfText
    case ceil, floor, round, trunc, squareRoot, absDouble, absInt
    case greaterOfInts, lesserOfInts, greaterOfDoubles, lesserOfDoubles
    case bitAnd, bitOr, bitXor, bitNot
  }

  var operation: Operation
  var a: UInt16 = 0
  var b: UInt16 = 0
  var c: UInt16 = 0
  /// Where to go on: an index of the program's instructions.
  var target: Int32 = 0

  /// The parts of timestamps and durations, by the number in `b`.
  static let parts: [Builtin] = [
    .getDate, .getDayOfMonth, .getDayOfWeek, .getDayOfYear, .getFullYear, .getHours, .getMilliseconds, .getMinutes, .getMonth,
    .getSeconds,
  ]
}
