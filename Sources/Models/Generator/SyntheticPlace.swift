import Wire

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A city of the synthetic world.
struct SyntheticPlace: Sendable {
  let country: Country
  let latitude: Double
  let longitude: Double
  /// Standard time, hours east of UTC; summer time is left out.
  let hoursEast: Double
  /// Share of customers, before scaling.
  let weight: Double

  private init(_ country: StaticString, _ latitude: Double, _ longitude: Double, _ hoursEast: Double, _ weight: Double) {
    self.country = Country(country.utf8Start[0], country.utf8Start[1])!
    self.latitude = latitude
    self.longitude = longitude
    self.hoursEast = hoursEast
    self.weight = weight
  }

  /// Kilometres along the great circle (haversine formula, mean radius of the Earth 6371 km).
  func distance(to other: SyntheticPlace) -> Double {
    let radians = Double.pi / 180
    let dLatitude = (other.latitude - latitude) * radians
    let dLongitude = (other.longitude - longitude) * radians
    let a =
      sin(dLatitude / 2) * sin(dLatitude / 2)
      + cos(latitude * radians) * cos(other.latitude * radians) * sin(dLongitude / 2) * sin(dLongitude / 2)
    return 2 * 6371 * asin(min(1, a.squareRoot()))
  }

  /// The world is one European issuer's: most customers live near, some far.
  static let all: [SyntheticPlace] = [
    SyntheticPlace("DE", 52.52, 13.41, 1, 10), SyntheticPlace("DE", 48.14, 11.58, 1, 8),
    SyntheticPlace("DE", 53.55, 9.99, 1, 7), SyntheticPlace("FR", 48.86, 2.35, 1, 9),
    SyntheticPlace("FR", 45.76, 4.84, 1, 4), SyntheticPlace("ES", 40.42, -3.70, 1, 6),
    SyntheticPlace("ES", 41.39, 2.17, 1, 4), SyntheticPlace("IT", 41.90, 12.50, 1, 5),
    SyntheticPlace("IT", 45.46, 9.19, 1, 5), SyntheticPlace("NL", 52.37, 4.90, 1, 5),
    SyntheticPlace("BE", 50.85, 4.35, 1, 3), SyntheticPlace("AT", 48.21, 16.37, 1, 3),
    SyntheticPlace("CH", 47.37, 8.54, 1, 2), SyntheticPlace("GB", 51.51, -0.13, 0, 5),
    SyntheticPlace("IE", 53.35, -6.26, 0, 2), SyntheticPlace("PT", 38.72, -9.14, 0, 3),
    SyntheticPlace("DK", 55.68, 12.57, 1, 2), SyntheticPlace("SE", 59.33, 18.07, 1, 2),
    SyntheticPlace("NO", 59.91, 10.75, 1, 1), SyntheticPlace("FI", 60.17, 24.94, 2, 2),
    SyntheticPlace("PL", 52.23, 21.01, 1, 3), SyntheticPlace("CZ", 50.08, 14.44, 1, 2),
    SyntheticPlace("HU", 47.50, 19.04, 1, 1), SyntheticPlace("GR", 37.98, 23.73, 2, 2),
    SyntheticPlace("RO", 44.43, 26.10, 2, 1), SyntheticPlace("HR", 45.81, 15.98, 1, 1),
    SyntheticPlace("TR", 41.01, 28.98, 3, 1), SyntheticPlace("US", 40.71, -74.01, -5, 1),
    SyntheticPlace("US", 34.05, -118.24, -8, 0.5), SyntheticPlace("CA", 43.65, -79.38, -5, 0.4),
    SyntheticPlace("BR", -23.55, -46.63, -3, 0.4), SyntheticPlace("MX", 19.43, -99.13, -6, 0.3),
    SyntheticPlace("ZA", -33.92, 18.42, 2, 0.3), SyntheticPlace("NG", 6.52, 3.38, 1, 0.2),
    SyntheticPlace("AE", 25.20, 55.27, 4, 0.4), SyntheticPlace("IN", 19.08, 72.88, 5.5, 0.4),
    SyntheticPlace("TH", 13.76, 100.50, 7, 0.3), SyntheticPlace("SG", 1.35, 103.82, 8, 0.3),
    SyntheticPlace("CN", 31.23, 121.47, 8, 0.3), SyntheticPlace("JP", 35.68, 139.69, 9, 0.4),
    SyntheticPlace("AU", -33.87, 151.21, 10, 0.4),
  ]
}
