import Testing

@testable import Wire

@Suite(.timeLimit(.minutes(1))) struct LinkTests {
  @Test func `both sides know each other after the hello`() async throws {
    let server = try await LinkServer.start()
    let client = LinkParty()
    let link = server.connect(client)
    let seenByClient = try #require(await client.ready())
    #expect(seenByClient.identity == LinkServer.node)
    #expect(seenByClient.certified == nil)
    let owner = try #require(await server.nextAccepted())
    let seenByServer = try #require(await owner.ready())
    #expect(seenByServer.identity == LinkServer.client)
    #expect(seenByServer.version == FrameHeader.versions.upperBound)
    link.onLoop { $0.close() }
    #expect(try #require(await owner.closed()) == nil)
    await server.listener.close()
  }

  @Test func `frames sent in one turn leave in one write and come back in order`() async throws {
    let server = try await LinkServer.start()
    let client = LinkParty(onReady: { link in
      for number in 0..<1000 {
        link.send(.submit, correlation: UInt64(number)) { $0.write(UInt32(number)) }
      }
    })
    let link = server.connect(client)
    _ = await client.ready()
    for number in 0..<1000 {
      let frame = try #require(await client.frame())
      #expect(frame.kind == .submit)
      #expect(frame.correlation == UInt64(number))
      #expect(frame.payload == withUnsafeBytes(of: UInt32(number).littleEndian) { [UInt8]($0) })
    }
    // The hello, and all thousand.
    let writes = try await link.eventLoop.submit { link.writeCount }.get()
    #expect(writes == 2)
    link.onLoop { $0.close() }
    #expect(try #require(await client.closed()) == nil)
  }

  @Test func `the largest payload goes through, packed and unpacked`() async throws {
    let server = try await LinkServer.start()
    let payload = (0..<256).flatMap { [UInt8](repeating: UInt8($0), count: FrameHeader.payloadMax / 256) }
    for compressed in [false, true] {
      let client = LinkParty(onReady: { link in
        payload.withUnsafeBytes { link.send(.bundleContent, correlation: 9, compressed: compressed, payload: $0) }
      })
      let link = server.connect(client)
      let frame = try #require(await client.frame())
      #expect(frame.correlation == 9)
      #expect(frame.payload == payload)
      link.onLoop { $0.close() }
    }
  }

  @Test func `a payload over the limit ends the link with a reason on both sides`() async throws {
    let server = try await LinkServer.start()
    let client = LinkParty(onReady: { link in
      link.send(.bundleContent) { $0.write(block: [UInt8](repeating: 1, count: link.payloadMax)) }
    })
    _ = server.connect(client)
    let reason = try #require(await client.closed())
    guard case .tooLarge(.bundleContent, let bytes, let limit) = reason else {
      Issue.record("closed for \(String(describing: reason))")
      return
    }
    #expect(bytes == limit + 4)
    let owner = try #require(await server.nextAccepted())
    guard case .refused(let failure) = try #require(await owner.closed()) else {
      Issue.record("the server was not told")
      return
    }
    #expect(failure.code == .tooLarge)
  }

  @Test func `an owner's failure reaches the peer before the end`() async throws {
    let server = try await LinkServer.start(party: {
      LinkParty(onReady: { $0.close(Failure(.unavailable, "the worker is stopping", retryAfterMilliseconds: 250)) })
    })
    let client = LinkParty()
    _ = server.connect(client)
    guard case .refused(let failure) = try #require(await client.closed()) else {
      Issue.record("the client was not told")
      return
    }
    #expect(failure == Failure(.unavailable, "the worker is stopping", retryAfterMilliseconds: 250))
    #expect(LinkError.refused(failure).isRetriable)
  }

  @Test func `a failure that answers a request goes to the owner and the link lives on`() async throws {
    let server = try await LinkServer.start(party: {
      LinkParty(answer: { link, header, _ in
        link.send(Failure(.busy, "the queue is full"), correlation: header.correlation)
      })
    })
    let client = LinkParty(onReady: { link in
      link.send(.submit, correlation: 1) { $0.write(1 as UInt8) }
      link.send(.submit, correlation: 2) { $0.write(2 as UInt8) }
    })
    _ = server.connect(client)
    for correlation in 1...2 as ClosedRange<UInt64> {
      let frame = try #require(await client.frame())
      #expect(frame.kind == .failure)
      #expect(frame.correlation == correlation)
    }
  }

  @Test func `a link answers a ping by itself`() async throws {
    let server = try await LinkServer.start(party: { LinkParty() })
    let client = LinkParty(onReady: { $0.send(Ping(token: 77), correlation: 5) })
    _ = server.connect(client)
    let frame = try #require(await client.frame())
    #expect(frame.kind == .pong)
    #expect(frame.correlation == 5)
    #expect(frame.payload == Pong(token: 77).encoded)
  }

  @Test func `a port in use is named together with what to do`() async throws {
    let server = try await LinkServer.start()
    let error = await #expect(throws: LinkError.self) {
      _ = try await LinkListener.bind(
        group: LinkServer.group, host: "127.0.0.1", port: server.listener.port, identity: { LinkServer.node },
        delegate: { _ in LinkParty() })
    }
    #expect(
      error?.description
        == "can't listen on \(server.listener.address): the port is in use: stop the other process, or "
        + "choose another port")
  }

  @Test func `nobody listening is told as such, and is worth another try`() async throws {
    let server = try await LinkServer.start()
    await server.listener.close()
    let client = LinkParty()
    _ = server.connect(client)
    let reason = try #require((await client.closed()) ?? nil)
    #expect(reason.isRetriable)
    #expect(
      reason.description
        == "can't connect to \(server.listener.address): nothing listens there: check the address, and "
        + "whether the process runs")
  }
}
