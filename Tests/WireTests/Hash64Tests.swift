import Testing

@testable import Wire

/// The hash places every key and stands in logs: its values never change. They come from a reference written after Wang
/// Yi's description, apart from this code.
@Suite struct Hash64Tests {
  static let texts: [(String, UInt64)] = [
    ("", 0x60c0_6e5a_a671_6029), ("a", 0xc27e_8eda_658d_b8d7), ("abc", 0x3398_9d40_53e0_3eba),
    ("message digest", 0xc9a5_41eb_616b_2d72), ("abcdefghijklmnopqrstuvwxyz", 0xb5ff_b066_033c_9d8a),
    ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 0x36b3_8824_ac8f_3adf),
    (String(repeating: "1234567890", count: 8), 0xb430_8ed5_d012_bbb5),
  ]

  /// By length, on each side of every step of the algorithm: bytes 7k + 1, seed = length times 2^64 / phi.
  static let lengths: [(Int, UInt64)] = [
    (1, 0x329c_44ba_fe27_b893), (2, 0xba63_18de_f739_a821), (3, 0xddf2_912d_e71f_dbc5), (4, 0xed73_efb0_3c81_c52a),
    (5, 0x2be9_646c_9170_f46f), (7, 0x22f2_8713_135c_5cba), (8, 0xc816_5177_983d_128f), (9, 0x93cb_c14a_fb71_7104),
    (12, 0xcd47_8e99_af72_2618), (15, 0x5f17_5361_efad_bc10), (16, 0x107a_a9b0_6e5d_034a), (17, 0x3f29_fa7c_203c_50d5),
    (31, 0x4eba_b308_7ed7_eeff), (32, 0x2958_c316_b264_e8a5), (33, 0xc16f_b5b3_4856_e810), (47, 0x2ba6_4ce8_356f_0be7),
    (48, 0x5dd7_4f33_6b62_22d9), (49, 0x624d_f495_4556_6120), (63, 0xf383_8e9c_1b41_e983), (64, 0xe75c_2a02_16e3_20d3),
    (65, 0x98f0_b29c_b5db_5754), (95, 0x3b8a_3970_65ea_6ac9), (96, 0x778b_a2b2_a012_95fe), (97, 0xae86_74dd_fc42_59e8),
    (128, 0x5dba_f202_dc9d_8c04),
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
