import NIOCore
import Wire

/// A connection that a client or another worker opened to this one.
final class AcceptedLink: LinkDelegate {
  private let node: WorkerNode
  private let loop: WorkerLoop
  private var role: LinkIdentity.Role?

  init(_ link: Link, _ node: WorkerNode) {
    self.node = node
    loop = node.loop(on: link.eventLoop)
  }

  func linkReady(_ link: Link) {
    role = link.peer.role
    node.opened(link)
  }

  func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
    let allowed = WorkerPermissions.roles(for: header.kind)
    if !allowed.isEmpty, !allowed.contains(link.peer.role) {
      let names = allowed.map(\.description).sorted().joined(separator: " or ")
      let failure = Failure(
        .notAuthorized, "\(link.peer.identity) may not send '\(header.kind)': connect with a certificate of role \(names)")
      return link.send(failure, correlation: header.correlation)
    }
    switch header.kind {
    case .submit: loop.submitted(payload, correlation: header.correlation, on: link)
    case .quarantine: quarantine(link, header, payload)
    case .append: route(payload, append: true)
    case .appended: route(payload, append: false)
    case .transferRead: serve(link, header, payload)
    case .contributions, .contributionReplies: route(exchange: header.kind, payload)
    case .entityRequest: describe(link, header, payload)
    default:
      link.send(
        Failure(.malformed, "a worker takes no \(header.kind) frames; is this meant for the coordinator?"), correlation: header.correlation)
    }
  }

  func linkReadComplete(_ link: Link) { loop.scheduleDrain() }
  func linkWritable(_ link: Link, _ isWritable: Bool) {}
  func linkClosed(_ link: Link, reason: LinkError?) {
    if let role { node.closed(role) }
  }

  /// To the loop that owns the partition; its number leads both messages.
  private func route(_ payload: RawSpan, append: Bool) {
    guard payload.byteCount >= 4 else { return }
    let partition = PartitionID(UInt32(littleEndian: payload.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self)))
    let owner = node.loops[node.loopIndex(of: partition)]
    if owner === loop {
      if append { owner.received(append: payload) } else { owner.received(appended: payload) }
      return
    }
    let copy = payload.withUnsafeBytes { [UInt8]($0) }
    owner.eventLoop.execute {
      if append { owner.received(append: copy.span.bytes) } else { owner.received(appended: copy.span.bytes) }
    }
  }

  private func describe(_ link: Link, _ header: FrameHeader, _ payload: RawSpan) {
    do throws(WireError) {
      let request = try EntityRequest(reading: payload)
      let owner = node.loops[node.loopIndex(of: request.partition)]
      let correlation = header.correlation
      owner.eventLoop.execute {
        owner.read(request) { answer in
          link.eventLoop.execute {
            switch answer {
            case .success(let answer): link.send(answer, correlation: correlation)
            case .failure(let failure): link.send(failure, correlation: correlation)
            }
          }
        }
      }
    } catch {
      link.send(Failure(.malformed, "the request can't be read: \(error)"), correlation: header.correlation)
    }
  }

  private func serve(_ link: Link, _ header: FrameHeader, _ payload: RawSpan) {
    do throws(WireError) {
      let read = try TransferRead(reading: payload)
      let owner = node.loops[node.loopIndex(of: read.partition)]
      let correlation = header.correlation
      owner.eventLoop.execute {
        owner.transfers.serve(read) { answer in
          link.eventLoop.execute {
            switch answer {
            case .success(let chunk): link.send(chunk, correlation: correlation)
            case .failure(let failure): link.send(failure, correlation: correlation)
            }
          }
        }
      }
    } catch {
      link.send(Failure(.malformed, "the transfer's request can't be read: \(error)"), correlation: header.correlation)
    }
  }

  /// The same for the exchange's messages.
  private func route(exchange kind: FrameKind, _ payload: RawSpan) {
    guard payload.byteCount >= 4 else { return }
    let partition = PartitionID(UInt32(littleEndian: payload.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self)))
    let owner = node.loops[node.loopIndex(of: partition)]
    if owner === loop { return owner.received(exchange: kind, payload) }
    let copy = payload.withUnsafeBytes { [UInt8]($0) }
    owner.eventLoop.execute { owner.received(exchange: kind, copy.span.bytes) }
  }

  private func quarantine(_ link: Link, _ header: FrameHeader, _ payload: RawSpan) {
    if let refusal = loop.refusal(isInteractive: false) { return link.send(refusal, correlation: header.correlation) }
    do throws(WireError) {
      let message = try Quarantine(reading: payload)
      loop.quarantine(message.records) { failure in
        if let failure { return link.send(failure, correlation: header.correlation) }
        link.send(.quarantined, correlation: header.correlation) { Quarantined(count: UInt32(message.records.count)).write(to: &$0) }
      }
    } catch {
      link.send(Failure(.malformed, "the quarantine records can't be read: \(error)"), correlation: header.correlation)
    }
  }
}
