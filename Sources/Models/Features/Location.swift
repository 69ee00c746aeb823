/// A place on the earth in one word, as rings keep it: latitude and longitude in steps of 10^-7 degrees (about a centimetre).
///
/// Distances are the same on every machine to the last bit (R14): only the operations of IEEE 754 are used, and no libm.
enum Location {
  /// 0 is missing. Outside of the earth (±90, ±180) is missing, too.
  static func packed(latitude: Double, longitude: Double) -> UInt64 {
    guard latitude >= -90, latitude <= 90, longitude >= -180, longitude <= 180 else { return 0 }
    let north = UInt64((latitude * 1e7).rounded() + 900_000_000)
    let east = UInt64((longitude * 1e7).rounded() + 1_800_000_000)
    return (north << 32 | east) + 1
  }

  /// Kilometres on a great circle of a sphere of the earth's mean radius (6371.0088 km): at most 0.6 % from the ellipsoid's.
  static func kilometres(_ a: UInt64, _ b: UInt64) -> Double {
    if a == b { return 0 }
    let (p, q) = (vector(a), vector(b))
    let d = p - q
    // Half the chord is the sine of half the angle.
    let half = ((d * d).x + (d * d).y + (d * d).z).squareRoot() / 2
    return 2 * 6371.0088 * arcsine(min(half, 1))
  }

  /// On the unit sphere.
  private static func vector(_ packed: UInt64) -> SIMD3<Double> {
    let word = packed - 1
    let north = circle(Int64(word >> 32) - 900_000_000)
    let east = circle(Int64(word & 0xFFFF_FFFF) - 1_800_000_000)
    return SIMD3(north.cosine * east.cosine, north.cosine * east.sine, north.sine)
  }

  /// Of an angle in 10^-7 degrees. The quarter is taken off in whole numbers, so that at most 45 degrees are left.
  static func circle(_ angle: Int64) -> (sine: Double, cosine: Double) {
    let quarter: Int64 = 900_000_000
    let turns = (angle + (angle >= 0 ? quarter / 2 : -quarter / 2)) / quarter
    let rest = Double(angle - turns * quarter) * (Double.pi / 1_800_000_000)
    let (s, c) = (sine(rest), cosine(rest))
    return switch turns & 3 {
    case 0: (s, c)
    case 1: (c, -s)
    case 2: (-s, -c)
    default: (-c, s)
    }
  }

  /// Taylor's series up to x^17: its rest is below 10^-18 at 45 degrees.
  private static func sine(_ x: Double) -> Double {
    let y = x * x
    var sum = 0.0
    for factor in stride(from: 17.0, to: 1, by: -2) { sum = (1 - sum) * y / (factor * (factor - 1)) }
    return x * (1 - sum)
  }

  private static func cosine(_ x: Double) -> Double {
    let y = x * x
    var sum = 0.0
    for factor in stride(from: 18.0, to: 0, by: -2) { sum = (1 - sum) * y / (factor * (factor - 1)) }
    return 1 - sum
  }

  /// For 0 to 1. The angle is halved three times, to 0.2 at most, and found there by its series.
  static func arcsine(_ sine: Double) -> Double {
    var x = sine
    for _ in 0..<3 { x /= (2 * (1 + (1 - x * x).squareRoot())).squareRoot() }
    let y = x * x
    var term = x
    var sum = x
    var n = 1.0
    while n < 25 {
      term *= y * n / (n + 1)
      sum += term / (n + 2)
      n += 2
    }
    return 8 * sum
  }
}
