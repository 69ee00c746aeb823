// libFuzzer over the text decoders: files, HTTP bodies, mappings. `ops/fuzz SECONDS text` builds it with Wire, CEL and Models.
//
// What must hold for any bytes: no trap, no read out of bounds; what is taken is a record that writes and reads back as
// itself; lines do not depend on how the stream is cut; a quarantine line is JSON.
#if ASSAY_FUZZ_TEXT
  import Models
  import Wire

  private let extras = [
    ExtraFieldSpec(name: "n", kind: .number), ExtraFieldSpec(name: "i", kind: .integer),
    ExtraFieldSpec(name: "f", kind: .flag), ExtraFieldSpec(name: "s", kind: .text),
  ]

  /// The first byte chooses the decoder and the size of the pieces, the rest is its input.
  @_cdecl("LLVMFuzzerTestOneInput")
  public func fuzzText(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 0 else { return 0 }
    let input = [UInt8](UnsafeBufferPointer(start: start + 1, count: count - 1))
    let piece = 1 + Int(start[0] >> 3)
    switch start[0] & 7 {
    case 0: fuzzObject(input)
    case 1: fuzzBody(input)
    case 2: fuzzStream(input, .ndjson, piece)
    case 3, 4: fuzzStream(input, .csv, piece)
    case 5: fuzzMapping(input)
    case 6: fuzzQuarantine(input)
    default: fuzzTokens(input)
    }
    return 0
  }

  private func record(_ builder: borrowing TransactionBuilder) -> [UInt8] {
    var record: [UInt8] = []
    builder.append(to: &record)
    return record
  }

  private func fuzzObject(_ input: [UInt8]) {
    var parser = TransactionJSON(extraFields: extras)
    var builder = TransactionBuilder()
    do throws(Rejection) { try parser.parse(input.span.bytes, into: &builder) } catch { return }
    checkText(record(builder))
  }

  /// A record's own text reads back as the record.
  private func checkText(_ first: [UInt8]) {
    var parser = TransactionJSON(extraFields: extras)
    var builder = TransactionBuilder()
    var line: [UInt8] = []
    TransactionText(extraFields: extras).appendJSON(TransactionView(trusted: first.span.bytes), to: &line)
    do throws(Rejection) {
      try parser.parse(line.span.bytes, into: &builder)
    } catch {
      fatalError("a record's own text is refused: \(error)")
    }
    precondition(record(builder) == first, "a record's text reads back as another record")
  }

  /// A request's body, as transactions and as labels: every row is a record of whole bytes or has its reason.
  private func fuzzBody(_ input: [UInt8]) {
    for isOfLabels in [false, true] {
      var parser = TransactionJSON(extraFields: extras + (isOfLabels ? LabelFields.specs : []), refuseUnknownFields: true)
      guard let batch = try? TransactionBatch(input.span.bytes, &parser, labelField: isOfLabels ? extras.count : nil) else { continue }
      precondition(!batch.rows.isEmpty && (batch.isArray || batch.rows.count == 1))
      var end = Submit.headerSize
      var submitted = 0
      for case .submitted(let range) in batch.rows {
        precondition(range.lowerBound == end)
        end = range.upperBound
        submitted += 1
        let bytes = batch.payload
        let row = bytes.span.bytes.extracting(range)
        precondition(!isOfLabels || Label(of: row) != nil, "a row of labels has none")
        let record = isOfLabels ? Label.record(of: row) : row
        checkText(record.withUnsafeBytes { Array($0) })
      }
      precondition(end == batch.payload.count && submitted == batch.submittedCount)
      precondition(batch.quarantine.count == batch.rows.count - submitted)
      precondition(batch.quarantine.allSatisfy { $0.excerpt.count <= Quarantine.excerptMax })
    }
  }

  private func outcomes(_ input: [UInt8], _ format: TransactionTextReader.Format, _ piece: Int) -> [String] {
    var reader = TransactionTextReader(format, extraFields: extras)
    var found: [String] = []
    func take(_ builder: borrowing TransactionBuilder, _ line: Int) { found.append("\(line) \(record(builder))") }
    func refuse(_ bad: TransactionTextReader.BadLine) { found.append("\(bad.number) \(bad.rejection) \(bad.excerpt)") }
    do throws(Rejection) {
      var at = 0
      while at < input.count {
        let end = min(at + piece, input.count)
        try reader.feed(input.span.bytes.extracting(at..<end), onRecord: take, onBadLine: refuse)
        at = end
      }
      try reader.finish(onRecord: take, onBadLine: refuse)
    } catch {
      found.append("header \(error)")
    }
    return found
  }

  private func fuzzStream(_ input: [UInt8], _ format: TransactionTextReader.Format, _ piece: Int) {
    precondition(
      outcomes(input, format, piece) == outcomes(input, format, max(1, input.count)), "lines depend on the pieces")
  }

  private func fuzzMapping(_ input: [UInt8]) {
    guard let text = String(validating: input, as: UTF8.self) else { return }
    guard let mapping = try? FieldMapping(yaml: text, extraFields: extras) else { return }
    _ = TransactionJSON(mapping: mapping, extraFields: extras)
  }

  private func fuzzQuarantine(_ input: [UInt8]) {
    var line: [UInt8] = []
    QuarantineText.append(
      time: 0, rejection: Rejection(.malformed, String(decoding: input, as: UTF8.self)), source: "fuzz",
      transactionID: input.span.bytes, raw: input.span.bytes, to: &line)
    precondition(line.removeLast() == UInt8(ascii: "\n"))
    var scanner = JSONScanner(line.span.bytes)
    do throws(JSONError) {
      try scanner.skipValue()
      try scanner.finish()
    } catch {
      fatalError("a quarantine line is not JSON: \(error)")
    }
  }

  private func fuzzTokens(_ input: [UInt8]) {
    var address: [UInt8] = []
    if IPAddressText.parse(input.span.bytes, into: &address) {
      var again: [UInt8] = []
      let text = Array(IPAddressText.text(address.span.bytes).utf8)
      precondition(IPAddressText.parse(text.span.bytes, into: &again) && again == address, "an address changes")
    }
    if let instant = try? Timestamp.parse(input.span.bytes) {
      let text = Array(Timestamp.text(instant).utf8)
      precondition((try? Timestamp.parse(text.span.bytes)) == instant, "an instant changes")
    }
    var masked = input
    CardNumberCheck.mask(&masked)
    precondition(masked.count == input.count)
  }
#endif
