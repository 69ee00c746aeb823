// libFuzzer over files in MaxMind DB format. Compiled alone (see ops/fuzz): -sanitize=fuzzer -parse-as-library -D ASSAY_FUZZ_GEO,
// with the reader's sources; run with SWIFT_BACKTRACE=enable=no.
//
// What must hold for any bytes: no trap, no read out of bounds, an end; what was read whole when the file was opened is read again
// by every lookup; a text that is told is UTF-8.
#if ASSAY_FUZZ_GEO
  private let fields: [(path: [String], kind: GeoField.Kind)] = [
    (["a"], .text), (["a", "b"], .number), (["a", "b", "0"], .text), (["a", "0", "c"], .integer), (["c"], .flag), (["c", "c"], .text),
  ]

  /// The first three bytes choose the tree's shape, for which the metadata are written here; or the rest is the whole file.
  @_cdecl("LLVMFuzzerTestOneInput")
  public func fuzzGeo(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 3 else { return 0 }
    var bytes = [UInt8](UnsafeBufferPointer(start: start + 3, count: count - 3))
    if start[0] & 7 != 0 {
      let bits: UInt8 = [24, 28, 32][Int(start[1] % 3)]
      let size = Int(start[2]) * Int(bits) / 4
      if bytes.count >= size { bytes.insert(contentsOf: [UInt8](repeating: 0, count: 16), at: size) }
      bytes += metadata(nodes: start[2], bits: bits, version: start[1] & 128 == 0 ? 4 : 6)
    }
    do throws(GeoFault) {
      let file = try GeoFile(bytes)
      let survey = GeoSurvey(file, fields)
      try survey.run()
      look(GeoReader(file, fields), bytes)
    } catch {
      precondition(!error.description.isEmpty)
    }
    return 0
  }

  private func look(_ reader: GeoReader, _ bytes: [UInt8]) {
    for at in stride(from: 0, to: min(bytes.count - 16, 512), by: 3) {
      for length in [4, 16] {
        reader.read(ip: bytes.span.bytes.extracting(at..<at + length)) { field, value in
          precondition(fields.indices.contains(field))
          if case .text(let text) = value { precondition(String(validating: text, as: UTF8.self) != nil) }
        }
      }
    }
  }

  private func metadata(nodes: UInt8, bits: UInt8, version: UInt8) -> [UInt8] {
    func text(_ text: String) -> [UInt8] { [0x40 | UInt8(text.utf8.count)] + Array(text.utf8) }
    func number(_ key: String, _ type: [UInt8], _ value: UInt8) -> [UInt8] { text(key) + type + [value] }
    return [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8) + [0xE6] + number("node_count", [0xC1], nodes)
      + number("record_size", [0xA1], bits) + number("ip_version", [0xA1], version) + number("binary_format_major_version", [0xA1], 2)
      + number("build_epoch", [0x01, 0x02], 9) + text("database_type") + text("Test")
  }
#endif
