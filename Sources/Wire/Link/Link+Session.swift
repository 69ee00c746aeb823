/// The frames that links answer among themselves: hello, ping, and failures of the connection.
extension Link {
  func receive(_ header: FrameHeader, _ payload: RawSpan) -> FrameDecoder.Next {
    switch phase {
    case .closing, .closed: return .stop
    case .ready: return receiveReady(header, payload)
    case .opening: return receiveOpening(header, payload)
    }
  }

  private func receiveReady(_ header: FrameHeader, _ payload: RawSpan) -> FrameDecoder.Next {
    switch header.kind {
    case .ping:
      guard let ping = read(Ping.self, payload) else { return .stop }
      sendSession(Pong(token: ping.token), correlation: header.correlation)
    case .pong where header.correlation == 0:
      // The answer to a link's own ping: that it came is all.
      guard read(Pong.self, payload) != nil else { return .stop }
    case .failure where header.correlation == 0:
      guard let failure = read(Failure.self, payload) else { return .stop }
      end(.refused(failure))
    case .hello, .helloAccepted:
      end(.outOfTurn(header.kind))
    default:
      delegate?.link(self, received: header, payload: payload)
    }
    return phase == .ready ? .frame : .stop
  }

  private func receiveOpening(_ header: FrameHeader, _ payload: RawSpan) -> FrameDecoder.Next {
    switch (side, header.kind) {
    case (_, .failure):
      guard let failure = read(Failure.self, payload) else { return .stop }
      end(.refused(failure))
      return .stop
    case (.accepting, .hello):
      guard let hello = read(Hello.self, payload) else { return .stop }
      return accept(hello, correlation: header.correlation)
    case (.connecting(let role, let name), .helloAccepted):
      guard let accepted = read(HelloAccepted.self, payload) else { return .stop }
      return take(accepted, expectedRole: role, expectedName: name)
    default:
      end(.outOfTurn(header.kind))
      return .stop
    }
  }

  private func accept(_ hello: Hello, correlation: UInt64) -> FrameDecoder.Next {
    let own = identity()
    guard let version = hello.version() else {
      let mine = FrameHeader.versions
      return refuse(
        .unsupportedVersion,
        "this build speaks protocol versions \(mine.lowerBound) to \(mine.upperBound), the peer "
          + "\(hello.versions.lowerBound) to \(hello.versions.upperBound): upgrade the older one")
    }
    if let failure = mismatch(hello.identity, own) { return refuse(failure) }
    sendSession(
      HelloAccepted(version: version, identity: own, payloadMax: options.payloadMax), correlation: correlation)
    becameReady(
      PeerIdentity(identity: hello.identity, certified: tls?.peer?.name, address: address, version: version),
      payloadMax: FrameHeader.payloadMax)
    return phase == .ready ? .framesUpTo(payload: options.payloadMax) : .stop
  }

  private func take(
    _ accepted: HelloAccepted, expectedRole: LinkIdentity.Role?, expectedName: String?
  ) -> FrameDecoder.Next {
    let server = accepted.identity
    guard FrameHeader.versions.contains(accepted.version) else {
      return refuse(.unsupportedVersion, "the peer chose protocol version \(accepted.version), which was not offered")
    }
    if let failure = mismatch(server, identity()) { return refuse(failure) }
    guard server.role == expectedRole ?? server.role, server.name == expectedName ?? server.name,
      server.role == .node || server.role == .coordinator
    else {
      let wanted = "\(expectedRole.map { "\($0)" } ?? "node or coordinator") \(expectedName ?? "")"
      return refuse(.identityMismatch, "\(address) is \(server), not the \(wanted) that was to be reached")
    }
    becameReady(
      PeerIdentity(identity: server, certified: tls?.peer?.name, address: address, version: accepted.version),
      payloadMax: accepted.payloadMax)
    return phase == .ready ? .framesUpTo(payload: FrameHeader.payloadMax) : .stop
  }

  /// What speaks against `other` as a peer of `own`: another cluster (R3), or a certificate that names somebody else.
  private func mismatch(_ other: LinkIdentity, _ own: LinkIdentity) -> Failure? {
    if !other.cluster.isNone, !own.cluster.isNone, other.cluster != own.cluster {
      return Failure(
        .wrongCluster,
        "\(own) is of cluster \(own.cluster), \(other) of \(other.cluster): check the address and the data")
    }
    guard let tls else { return nil }
    guard let certified = tls.peer?.name else {
      return Failure(
        .identityMismatch,
        "the certificate of \(other) (\(tls.peer?.subject ?? "none was shown")) has no URI of the form "
          + "assay://realm/role/name: issue one (assay certs issue)")
    }
    guard certified.certifies(other) else {
      return Failure(.identityMismatch, "\(other) came with the certificate of \(certified): each needs its own")
    }
    if let ownName = tls.ownName, ownName.realm != certified.realm {
      return Failure(.identityMismatch, "the certificate of \(certified) is of another realm than \(ownName)")
    }
    return nil
  }

  private func refuse(_ code: FailureCode, _ message: String) -> FrameDecoder.Next { refuse(Failure(code, message)) }

  private func refuse(_ failure: Failure) -> FrameDecoder.Next {
    end(.refusing(failure))
    return .stop
  }

  private func read<Message: ClusterMessage>(_: Message.Type, _ payload: RawSpan) -> Message? {
    do throws(WireError) {
      return try Message(reading: payload)
    } catch {
      end(.message(Message.kind, error))
      return nil
    }
  }
}
