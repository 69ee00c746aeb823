import Testing

@testable import Wire

@Suite(.timeLimit(.minutes(1))) struct TLSLinkTests {
  let tls = TLSFixture.shared

  /// Why both ends closed, as the operator reads it: client, server.
  private func refusal(
    server: TLSServerContext, serverIdentity: LinkIdentity = LinkServer.node, client: TLSClientContext?,
    clientIdentity: LinkIdentity = LinkServer.client, expectedName: String? = nil
  ) async throws -> (client: LinkError, server: LinkError) {
    let listening = try await LinkServer.start(tls: server, identity: serverIdentity)
    let party = LinkParty()
    listening.connect(party, tls: client, identity: clientIdentity, expectedName: expectedName)
    let ofClient = try #require(await party.closed() ?? nil)
    let owner = try #require(await listening.nextAccepted())
    let ofServer = try #require(await owner.closed() ?? nil)
    await listening.listener.close()
    return (ofClient, ofServer)
  }

  @Test func `both sides know each other by their certificates`() async throws {
    let server = try await LinkServer.start(tls: tls.server())
    let client = LinkParty()
    try server.connect(client, tls: tls.client())
    let seenByClient = try #require(await client.ready())
    #expect(seenByClient.certified?.uri == "assay://test/node/worker-1")
    #expect(seenByClient.identity == LinkServer.node)
    let owner = try #require(await server.nextAccepted())
    #expect(try #require(await owner.ready()).certified?.uri == "assay://test/client/till")
  }

  @Test func `frames of all sizes come back over TLS`() async throws {
    let server = try await LinkServer.start(tls: tls.server())
    let sizes = [0, 1, 100, 16_383, 16_384, 16_385, 70_000, 3_000_000, FrameHeader.payloadMax]
    let payload = (0..<256).flatMap { [UInt8](repeating: UInt8($0), count: FrameHeader.payloadMax / 256) }
    let client = LinkParty(onReady: { link in
      for size in sizes {
        payload.withUnsafeBytes {
          link.send(.append, correlation: UInt64(size), payload: UnsafeRawBufferPointer(rebasing: $0.suffix(size)))
        }
      }
    })
    let link = try server.connect(client, tls: tls.client())
    for size in sizes {
      let frame = try #require(await client.frame())
      #expect(frame.correlation == UInt64(size))
      #expect(frame.payload == [UInt8](payload.suffix(size)))
    }
    link.onLoop { $0.close() }
    #expect(try #require(await client.closed()) == nil)
    let owner = try #require(await server.nextAccepted())
    #expect(try #require(await owner.closed()) == nil)
  }

  @Test func `another authority's server is refused by the client, and knows why`() async throws {
    let other = try TLSFixture(realm: "test")
    let refusal = try await refusal(server: other.server(), client: tls.client())
    #expect(refusal.client.description.contains("certificate verify failed: unable to get local issuer certificate"))
    #expect(refusal.server.description.contains("the peer refused this side: tlsv1 alert unknown ca"))
    #expect(!refusal.client.isRetriable)
  }

  @Test func `another authority's client is refused by the server, and knows why`() async throws {
    let other = try TLSFixture(realm: "test")
    let stranger = try TLSClientContext(
      other.issue(LinkServer.client), authorities: tls.authority.certificate)
    let refusal = try await refusal(server: tls.server(), client: stranger)
    #expect(refusal.server.description.contains("certificate verify failed: unable to get local issuer certificate"))
    #expect(refusal.client.description.contains("the peer refused this side: tlsv1 alert unknown ca"))
  }

  @Test func `a client without a certificate is refused`() async throws {
    let nobody = try TLSClientContext(nil, authorities: tls.authority.certificate)
    let refusal = try await refusal(server: tls.server(), client: nobody)
    #expect(refusal.server.description.contains("peer did not return a certificate"))
    #expect(refusal.client.description.contains("certificate required"))
  }

  @Test func `expired certificates are refused on either side`() async throws {
    let then: Int64 = 1_700_000_000
    // An authority of that time, whose ten years still run.
    let authority = try CertificateAuthority.create(realm: "test", now: then)
    let name = try #require(SubjectName(realm: "test", role: .node, name: "worker-1"))
    let clientName = try #require(SubjectName(realm: "test", role: .client, name: "till"))
    let oldServer = try TLSServerContext(
      authority.issue(name, validDays: 30, now: then), clients: .certified(by: authority.certificate))
    let newServer = try TLSServerContext(authority.issue(name), clients: .certified(by: authority.certificate))
    let oldClient = try TLSClientContext(
      authority.issue(clientName, validDays: 30, now: then), authorities: authority.certificate)
    let newClient = try TLSClientContext(authority.issue(clientName), authorities: authority.certificate)

    let ofServer = try await refusal(server: oldServer, client: newClient)
    #expect(ofServer.client.description.contains("certificate verify failed: certificate has expired"))
    #expect(ofServer.server.description.contains("alert certificate expired"))
    let ofClient = try await refusal(server: newServer, client: oldClient)
    #expect(ofClient.server.description.contains("certificate verify failed: certificate has expired"))
    #expect(ofClient.client.description.contains("alert certificate expired"))
  }

  @Test func `a hello must name what the certificate names`() async throws {
    let impostor = LinkIdentity(cluster: LinkServer.cluster, role: .admin, name: "till")
    let ofClient = try await refusal(server: tls.server(), client: tls.client(), clientIdentity: impostor)
    guard case .refused(let failure) = ofClient.client, case .refusing(failure) = ofClient.server else {
      Issue.record("\(ofClient)")
      return
    }
    #expect(failure.code == .identityMismatch)
    #expect(failure.message == "admin till came with the certificate of assay://test/client/till: each needs its own")

    let ofServer = try await refusal(
      server: tls.server(LinkIdentity(role: .node, name: "worker-2")), client: tls.client())
    guard case .refusing(let failure) = ofServer.client, case .refused(failure) = ofServer.server else {
      Issue.record("\(ofServer)")
      return
    }
    #expect(failure.code == .identityMismatch)
  }

  @Test func `a client's certificate does not make a server`() async throws {
    let refusal = try await refusal(
      server: tls.server(LinkServer.client), serverIdentity: LinkServer.client, client: tls.client())
    guard case .refusing(let failure) = refusal.client else {
      Issue.record("\(refusal)")
      return
    }
    #expect(failure.code == .identityMismatch)
    #expect(failure.message.contains("is client till, not the node or coordinator"))
  }

  @Test func `the expected name is held to`() async throws {
    let refusal = try await refusal(server: tls.server(), client: tls.client(), expectedName: "worker-9")
    guard case .refusing(let failure) = refusal.client else {
      Issue.record("\(refusal)")
      return
    }
    #expect(failure.code == .identityMismatch)
    #expect(failure.message.contains("is node worker-1, not the node or coordinator worker-9"))
  }

  @Test func `another realm under the same authority is refused`() async throws {
    let elsewhere = try #require(SubjectName(realm: "production", role: .client, name: "till"))
    let client = try TLSClientContext(tls.authority.issue(elsewhere), authorities: tls.authority.certificate)
    let refusal = try await refusal(server: tls.server(), client: client)
    guard case .refused(let failure) = refusal.client else {
      Issue.record("\(refusal)")
      return
    }
    #expect(failure.code == .identityMismatch)
    #expect(
      failure.message.contains("assay://production/client/till is of another realm than assay://test/node/worker-1"))
  }

  @Test func `a plain client of a TLS port, and the reverse, are told apart`() async throws {
    let ofPlain = try await refusal(server: tls.server(), client: nil)
    #expect(ofPlain.server.description.contains("the peer speaks no TLS, which this port demands"))
    let plain = try await LinkServer.start()
    let client = LinkParty()
    try plain.connect(client, tls: tls.client())
    _ = await client.closed()
    let owner = try #require(await plain.nextAccepted())
    let reason = try #require(await owner.closed() ?? nil)
    guard case .frame(.foreign(.tls)) = reason else {
      Issue.record("\(reason)")
      return
    }
  }
}
