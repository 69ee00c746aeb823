import Testing

@testable import Wire

/// The hash places every key and stands in logs: its values never change. The texts' are those that wyhash's
/// author publishes for final version 4 with its first set of secrets; the lengths' come from a reference apart from this code.
@Suite struct Hash64Tests {
  static let texts: [(String, UInt64)] = [
    ("", 0x0409_638e_e2bd_e459), ("a", 0xa841_2d09_1b5f_e0a9), ("abc", 0x32dd_92e4_b291_5153),
    ("message digest", 0x8619_1240_89a3_a16b), ("abcdefghijklmnopqrstuvwxyz", 0x7a43_afb6_1d7f_5f40),
    ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 0xff42_329b_90e5_0d58),
    (String(repeating: "1234567890", count: 8), 0xc39c_ab13_b115_aad3),
  ]

  /// By length, on each side of every step of the algorithm: bytes 7k + 1, seed = length times 2^64 / phi.
  static let lengths: [(Int, UInt64)] = [
    (1, 0xb47f_c8ba_28d7_f982), (2, 0x7e01_f867_e83e_d685), (3, 0x600f_a721_c13c_123b), (4, 0xbfac_93c9_915e_7aab),
    (5, 0x7435_7656_3e7f_5722), (7, 0xddfa_ad1e_e5de_87f9), (8, 0x41e0_4488_15b4_9713), (9, 0xa2a2_e724_51fb_256e),
    (12, 0x2e0c_e494_fd85_97b4), (15, 0x5641_24fb_3654_36ce), (16, 0x0e88_fe29_8c54_0df1), (17, 0x275f_c3b0_9239_a879),
    (31, 0x1dbd_a3fe_c8d8_2947), (32, 0x344a_4c93_7393_ee3d), (33, 0x41ea_30b3_09f0_0a4c), (47, 0x7b7c_0113_9db6_ee84),
    (48, 0x6ea8_a75a_7e0d_7200), (49, 0x9da3_a0a3_7f77_5e5b), (63, 0x6b9e_1363_725c_136a), (64, 0x72db_3692_6a84_eceb),
    (65, 0x772d_cfd0_f281_e600), (95, 0x7500_c64f_9188_06ed), (96, 0x39ea_d727_2b87_53ff), (97, 0x0d4a_fa5a_9a64_d20a),
    (128, 0x6187_843e_0ce6_f5fb),
  ]

  @Test func `texts hash to the reference's values`() {
    for (seed, (text, expected)) in Self.texts.enumerated() {
      #expect(hash64(Array(text.utf8).span.bytes, seed: UInt64(seed)) == expected, "\(text)")
    }
  }

  @Test func `every length has the reference's value, wherever the bytes lie in memory`() {
    for (length, expected) in Self.lengths {
      let seed = UInt64(length) &* 0x9e37_79b9_7f4a_7c15
      for shift in 0..<8 {
        let bytes = [UInt8](repeating: 0xEE, count: shift) + (0..<length).map { UInt8(truncatingIfNeeded: 7 * $0 + 1) } + [0xEE]
        #expect(hash64(bytes.span.bytes.extracting(shift..<shift + length), seed: seed) == expected, "length \(length)")
      }
    }
  }

  @Test func `an entity's kind is part of its key`() {
    let token = Array("tok_1".utf8)
    let keys = EntityKind.allCases.map { KeyHash(of: token.span.bytes, kind: $0) }
    #expect(Set(keys).count == EntityKind.allCases.count)
    #expect(keys[0].rawValue == hash64(token.span.bytes, seed: 1))
  }
}
