import Glibc
import Models
import Wire

/// What a certificate says, for people.
enum CertificateText {
  static func lines(_ info: CertificateInfo, now: Int64 = Int64(time(nil))) -> [String] {
    var lines = ["subject   \(info.subject)"]
    if info.isAuthority { lines.append("authority \(realm(ofAuthority: info).map { "of the realm \($0)" } ?? "of no realm")") }
    if let name = info.name { lines.append("party     \(name.role) \(name.name) of the realm \(name.realm)") }
    let hosts = info.hosts + info.addresses
    if !hosts.isEmpty { lines.append("hosts     \(hosts.joined(separator: ", "))") }
    let others = info.uris.filter { SubjectName(uri: $0) == nil }
    if !others.isEmpty { lines.append("uris      \(others.joined(separator: ", "))") }
    lines.append("valid     \(date(info.notBefore)) to \(date(info.notAfter))")
    if let problem = info.problem(at: now) {
      lines.append("problem   \(problem)")
    } else if !info.isAuthority, info.name == nil {
      lines.append("problem   it names no party of a cluster: issue one (assay certs issue)")
    }
    return lines
  }

  /// `2026-11-21 07:30 UTC`.
  static func date(_ seconds: Int64) -> String {
    let text = Timestamp.text(seconds * 1000)
    return "\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) UTC"
  }

  /// Our authorities are called `CN=<realm> authority`.
  static func realm(ofAuthority info: CertificateInfo) -> String? {
    let common = info.subject.split(separator: ",").first { $0.hasPrefix("CN=") }?.dropFirst(3)
    guard let common, common.hasSuffix(" authority") else { return nil }
    let realm = String(common.dropLast(10))
    return LinkIdentity.isName(realm) ? realm : nil
  }
}
