import Wire

/// Feeds libFuzzer's bytes to every decoder that reads what a peer sends. The first byte chooses the decoder, so that one
/// corpus serves all; `ops/fuzz` builds and runs it.
///
/// A decoder may refuse anything, but it may not trap, read beyond its bytes or allocate beyond its limit; and what it
/// takes, it must write back as the same bytes: two encodings of one message would be two checksums of one truth.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = UnsafeRawBufferPointer(start: start, count: count)
  guard let choice = input.first else { return 0 }
  let decoder = decoders[Int(choice) % decoders.count]
  decoder(UnsafeRawBufferPointer(rebasing: input.dropFirst()))
  return 0
}

/// In an order that only grows at its end, so that a corpus keeps its meaning.
private let decoders: [@Sendable (UnsafeRawBufferPointer) -> Void] = [
  fuzzStream,
  fuzzPayload,
  message(Hello.self),
  message(HelloAccepted.self),
  fuzzFailure,
  message(Ping.self),
  message(Pong.self),
  message(Join.self),
  message(JoinAccepted.self),
  message(Heartbeat.self),
  message(HeartbeatAccepted.self),
  message(MapRequest.self),
  message(ISRProposal.self),
  message(ISRAnswer.self),
  message(PublishBundle.self),
  message(BundlePublished.self),
  message(BundleRequest.self),
  message(BundleContent.self),
  message(StatusRequest.self),
  message(Status.self),
  message(WatchMap.self),
  message(ClusterMap.self),
  fuzzSubjectName,
  message(LeaderHint.self),
  message(ReplicaReport.self),
  message(HealthReport.self),
  message(HealthNotice.self),
  message(HealthRequest.self),
  message(HealthStatus.self),
  message(StartOperation.self),
  message(OperationStarted.self),
  message(AbortOperation.self),
  message(Operations.self),
  message(OperationsRequest.self),
  message(HandOverCommand.self),
  message(HandOverReport.self),
  message(AuditLog.self),
  message(AuditRequest.self),
  message(SuccessionCommand.self),
  message(SuccessionReport.self),
  message(RecordsReport.self),
  message(RecordsRequest.self),
  message(BackupContent.self),
  message(BackupRequest.self),
  message(CheckpointReport.self),
  message(TransferRequest.self),
  message(TransferSession.self),
  message(TransferRead.self),
  message(TransferChunk.self),
  message(EntityRequest.self),
  message(EntityAnswer.self),
  message(EditList.self),
  message(ListEdited.self),
  message(Lists.self),
  message(ListsRequest.self),
  message(ListItems.self),
  message(ListItemsRequest.self),
  fuzzSubmit,
  fuzzDecisions,
  fuzzAppend,
  payload({ try Appended(reading: $0) }, { $0.write(to: &$1) }),
  payload({ try Contributions(reading: $0) }, { $0.write(to: &$1) }),
  payload({ try ContributionReplies(reading: $0) }, { $0.write(to: &$1) }),
  payload({ try Quarantine(reading: $0) }, { $0.write(to: &$1) }),
  payload({ try Quarantined(reading: $0) }, { $0.write(to: &$1) }),
]

private func message<Message: WireValue>(_: Message.Type) -> @Sendable (UnsafeRawBufferPointer) -> Void {
  { bytes in
    guard let message = try? Message(reading: bytes.bytes) else { return }
    precondition(message.encoded.elementsEqual(bytes), "\(Message.self) is written otherwise than it was read")
  }
}

/// The same for what is read by itself.
private func payload<Message>(
  _ read: @escaping @Sendable (RawSpan) throws -> Message, _ write: @escaping @Sendable (Message, inout WireWriter) -> Void
) -> @Sendable (UnsafeRawBufferPointer) -> Void {
  { bytes in
    guard let message = try? read(bytes.bytes) else { return }
    var out = WireWriter()
    write(message, &out)
    precondition(out.bytes.elementsEqual(bytes), "\(Message.self) is written otherwise than it was read")
  }
}

/// Rows lie within the payload, and the labels behind them are ones. What is in a row is for the transaction's own checks.
@Sendable private func fuzzSubmit(_ bytes: UnsafeRawBufferPointer) {
  guard let submit = try? Submit(reading: bytes.bytes) else { return }
  var rows: [Range<Int>] = []
  guard (try? submit.locateRows(in: bytes.bytes, into: &rows)) != nil else { return }
  precondition(rows.count == submit.rowCount && rows.last?.upperBound == bytes.count)
  var out = WireWriter()
  submit.write(rows: bytes.bytes.extracting(Submit.headerSize..<bytes.count), to: &out)
  precondition(out.bytes.elementsEqual(bytes), "a submit is written otherwise than it was read")
  for row in rows where submit.flags.contains(.labels) { _ = Label(of: bytes.bytes.extracting(row)) }
}

/// Both readers take the same; the one that borrows is stricter in the number of features.
@Sendable private func fuzzDecisions(_ bytes: UnsafeRawBufferPointer) {
  let whole = try? Decisions(reading: bytes.bytes)
  let rows = try? borrowed(bytes.bytes)
  if let rows { precondition(whole?.outcomes.count == rows, "the reader that borrows takes what the other refuses") }
  guard let whole else { return }
  var out = WireWriter()
  whole.write(to: &out)
  // A decision's reserved byte is not kept.
  precondition(out.count == bytes.count, "decisions are written otherwise than they were read")
}

private func borrowed(_ bytes: RawSpan) throws -> Int {
  var reader = try DecisionsReader(bytes)
  let count = reader.rowCount
  for _ in 0..<count { _ = try reader.next() }
  try reader.finish()
  return count
}

@Sendable private func fuzzAppend(_ bytes: UnsafeRawBufferPointer) { _ = try? Append(reading: bytes.bytes) }

/// An unknown code is read as `internal`, and so the bytes may differ; the second writing may not.
@Sendable private func fuzzFailure(_ bytes: UnsafeRawBufferPointer) {
  guard let failure = try? Failure(reading: bytes.bytes) else { return }
  let again = failure.encoded
  precondition((try? Failure(reading: again.span.bytes)) == failure)
}

/// The same stream in one piece and in pieces of a size that the first byte chooses gives the same frames.
@Sendable private func fuzzStream(_ bytes: UnsafeRawBufferPointer) {
  guard let size = bytes.first.map({ Int($0) + 1 }) else { return }
  let stream = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
  let whole = frames(stream, piece: max(1, stream.count))
  let pieces = frames(stream, piece: size)
  precondition(whole.digests == pieces.digests && whole.error == pieces.error, "frames depend on how the stream is cut")
}

private func frames(_ stream: UnsafeRawBufferPointer, piece: Int) -> (digests: [UInt32], error: FrameError?) {
  var decoder = FrameDecoder()
  var digests: [UInt32] = []
  var at = 0
  while at < stream.count {
    let next = min(at + piece, stream.count)
    do throws(FrameError) {
      try decoder.take(UnsafeRawBufferPointer(rebasing: stream[at..<next])) { header, payload in
        digests.append(crc32c(payload, seed: UInt32(header.kind.rawValue)))
        return header.kind == .hello ? .framesUpTo(payload: 1 << 20) : .frame
      }
    } catch {
      return (digests, error)
    }
    precondition(decoder.pending <= FrameHeader.size + decoder.payloadLimit)
    at = next
  }
  return (digests, nil)
}

/// No fuzzer finds a CRC: the header is made to fit, so that flags, kinds and packed payloads are reached. Bytes 0 and 1
/// are flags and kind, the rest is the payload.
@Sendable private func fuzzPayload(_ bytes: UnsafeRawBufferPointer) {
  guard bytes.count >= 2, bytes.count - 2 <= FrameHeader.payloadMaxBeforeHello else { return }
  let payload = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(2))
  let header = FrameHeader(
    flags: FrameHeader.Flags(rawValue: bytes[0]), kind: FrameKind(rawValue: UInt16(bytes[1])) ?? .hello,
    payloadLength: payload.count, payloadChecksum: crc32c(payload), correlation: 0)
  var frame = [UInt8](repeating: 0, count: FrameHeader.size)
  frame.withUnsafeMutableBytes { header.write(to: $0) }
  frame.append(contentsOf: payload)
  frame.withUnsafeBytes { frame in
    let whole = frames(frame, piece: frame.count)
    let pieces = frames(frame, piece: 7)
    precondition(whole.digests == pieces.digests && whole.error == pieces.error)
  }
}

@Sendable private func fuzzSubjectName(_ bytes: UnsafeRawBufferPointer) {
  let text = String(decoding: bytes, as: UTF8.self)
  if let name = SubjectName(uri: text) { precondition(name.uri == text, "a URI is written otherwise than it was read") }
}
