import NIOCore
import NIOPosix
import Testing
import Wire

@testable import Worker

/// The port itself, whatever is asked of it, over real sockets.
@Suite(.serialized, .timeLimit(.minutes(1))) struct HTTPServerTests {
  // MARK: - Paths and methods

  @Test func healthIsToldWhateverElseIs() async throws {
    let fixture = try await HTTPFixture()
    fixture.gateway.readiness.withLock { $0 = .notReady("partition p3 is not serving yet: its log is being replayed") }
    let client = try await fixture.connect()
    let health = try await client.ask("GET", "/healthz")
    #expect(health.status == 200 && health.body == "ok\n" && health.headers["content-type"] == "text/plain; charset=utf-8")
    let waiting = try await client.ask("GET", "/readyz")
    #expect(waiting.status == 503 && waiting.body.contains("partition p3 is not serving yet: its log is being replayed"))
    fixture.gateway.readiness.withLock { $0 = .ready }
    #expect(try await client.ask("GET", "/readyz").status == 200)
    await fixture.server.close()
  }

  @Test func aHeadRequestGetsTheHeadOfTheAnswerOnly() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let response = try await client.ask("HEAD", "/healthz")
    #expect(response.status == 200 && response.headers["content-length"] == "3" && response.body.isEmpty)
    #expect(try await client.ask("HEAD", "/nothing").status == 404)
    #expect(try await client.ask("GET", "/healthz").body == "ok\n")
    await fixture.server.close()
  }

  @Test func unknownPathsAndMethodsAreToldApart() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let unknown = try await client.ask("GET", "/v1/decision")
    #expect(unknown.status == 404 && unknown.body.contains("/v1/decisions"))
    let wrong = try await client.ask("GET", "/v1/decisions")
    #expect(wrong.status == 405 && wrong.headers["allow"] == "POST" && wrong.body.contains("\"method_not_allowed\""))
    let other = try await client.ask("DELETE", "/healthz")
    #expect(other.status == 405 && other.headers["allow"] == "GET, HEAD")
    #expect(try await client.ask("GET", "http://test/healthz?a=b").status == 200)
    #expect(fixture.registry.text().contains("assay_http_requests_total{path=\"other\",code=\"404\"} 1\n"))
    #expect(fixture.registry.text().contains("assay_http_requests_total{path=\"/v1/decisions\",code=\"405\"} 1\n"))
    await fixture.server.close()
  }

  @Test func requestIdsAreEchoedOrMade() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    #expect(try await client.ask("GET", "/healthz", headers: ["X-Request-Id: abc-123"]).headers["x-request-id"] == "abc-123")
    let long = String(repeating: "a", count: 129)
    for given in [[], ["X-Request-Id: \(long)"], ["X-Request-Id: a b"], ["X-Request-Id: a\"b"]] {
      let made = try #require(try await client.ask("GET", "/healthz", headers: given).headers["x-request-id"])
      #expect(made.count == 16 && made.allSatisfy(\.isHexDigit))
    }
    await fixture.server.close()
  }

  // MARK: - Order

  @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    var burst: [UInt8] = []
    for i in 0..<50 {
      burst += HTTPClient.request("POST", "/v1/decisions", Array(HTTPFixture.transaction("ok-\(i)").utf8))
      burst += HTTPClient.request("GET", i % 2 == 0 ? "/healthz" : "/nothing")
    }
    client.push(burst)
    for i in 0..<50 {
      let decision = try await client.response()
      #expect(decision.status == 200 && decision.body.hasPrefix("{\"transaction_id\":\"ok-\(i)\""))
      #expect(try await client.response().status == (i % 2 == 0 ? 200 : 404))
    }
    await fixture.server.close()
  }

  @Test func aLongBurstThatIsAnsweredAtOnceNeedsNoDeepStack() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let request = Array("GET /healthz HTTP/1.1\r\nHost:a\r\n\r\n".utf8)
    client.push(Array([[UInt8]](repeating: request, count: 20_000).joined()))
    for _ in 0..<20_000 { #expect(try await client.response().status == 200) }
    await fixture.server.close()
  }

  @Test func whatFollowsAnUnreadableRequestIsNotServed() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    client.push(
      HTTPClient.request("POST", "/v1/decisions", Array(HTTPFixture.transaction("ok-1").utf8)) + Array("NONSENSE\r\n\r\n".utf8)
        + HTTPClient.request("GET", "/healthz"))
    #expect(try await client.response().status == 200)
    let refused = try await client.response()
    #expect(refused.status == 400 && refused.headers["connection"] == "close" && refused.body.contains("\"malformed_request\""))
    #expect(await client.isClosed())
    await fixture.server.close()
  }

  @Test func connectionsAreKeptUnlessTheClientAsksOtherwise() async throws {
    let fixture = try await HTTPFixture()
    let closing = try await fixture.connect()
    let response = try await closing.ask("GET", "/healthz", headers: ["Connection: close"])
    #expect(response.headers["connection"] == "close")
    #expect(await closing.isClosed())

    let old = try await fixture.connect()
    try await old.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(try await old.response().headers["connection"] == "keep-alive")
    try await old.send("GET /healthz HTTP/1.0\r\n\r\n")
    #expect(try await old.response().headers["connection"] == "close")
    #expect(await old.isClosed())
    await fixture.server.close()
  }

  @Test func aClientThatHasClosedItsSideStillGetsItsAnswer() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    client.push(HTTPClient.request("POST", "/v1/decisions", Array(HTTPFixture.transaction("ok-1").utf8)))
    try await client.closeOutput()
    #expect(try await client.response().status == 200)
    #expect(await client.isClosed())
    await fixture.server.close()
  }

  @Test func requestsUnderWayAreAnsweredBeforeTheServerEnds() async throws {
    let fixture = try await HTTPFixture()
    let idle = try await fixture.connect()
    #expect(try await idle.ask("GET", "/healthz").status == 200)
    let busy = try await fixture.connect()
    let headers = ["Content-Type: application/json", "Assay-Deadline-Ms: 60000"]
    busy.push(HTTPClient.request("POST", "/v1/decisions", Array(HTTPFixture.transaction("hold-1").utf8), headers: headers))
    await fixture.gateway.holds()
    async let closed: Void = fixture.server.close(within: .hours(1))
    #expect(await idle.isClosed())
    fixture.gateway.release()
    #expect(try await busy.response().status == 200)
    #expect(await busy.isClosed())
    await closed
    await #expect(throws: (any Error).self) { try await fixture.connect() }
  }

  @Test func whatIsNotAnsweredInTheGraceGivenIsCutOff() async throws {
    let fixture = try await HTTPFixture()
    let busy = try await fixture.connect()
    let headers = ["Content-Type: application/json", "Assay-Deadline-Ms: 60000"]
    busy.push(HTTPClient.request("POST", "/v1/decisions", Array(HTTPFixture.transaction("hold-1").utf8), headers: headers))
    await fixture.gateway.holds()
    await fixture.server.close(within: .milliseconds(1))
    #expect(await busy.isClosed())
    fixture.gateway.release()  // too late: it must go nowhere
  }

  @Test func aSecondAnswerToARequestIsNotTheNextOnes() async throws {
    let server = try await HTTPServer.bind(
      group: MultiThreadedEventLoopGroup.singleton, host: "127.0.0.1", port: 0, metrics: MetricsRegistry()
    ) { _ in
      let router = HTTPRouter()
      var earlier: HTTPReply?
      router.on(.GET, "/first") { _, reply in
        earlier = reply
        reply(.text("first"))
      }
      router.on(.GET, "/second") { _, reply in
        earlier?(.text("stale"))
        reply(.text("second"))
      }
      return router
    }
    let client = try await HTTPClient.connect(port: server.port)
    #expect(try await client.ask("GET", "/first").body == "first")
    #expect(try await client.ask("GET", "/second").body == "second")
    await server.close()
  }

  // MARK: - Listening

  @Test func aPortInUseIsToldInOneLine() async throws {
    let fixture = try await HTTPFixture()
    let port = fixture.server.port
    await #expect(
      throws: HTTPServerError.bind(
        address: "127.0.0.1:\(port)", "the port is in use: stop the other process, or choose another port")
    ) {
      _ = try await HTTPServer.bind(
        group: MultiThreadedEventLoopGroup.singleton, host: "127.0.0.1", port: port, metrics: MetricsRegistry()
      ) { _ in HTTPRouter() }
    }
    await fixture.server.close()
  }

  @Test func oneConnectionTooManyIsClosedAtOnce() async throws {
    let fixture = try await HTTPFixture { $0.connectionsMax = 2 }
    let first = try await fixture.connect()
    let second = try await fixture.connect()
    #expect(try await first.ask("GET", "/healthz").status == 200)
    #expect(try await second.ask("GET", "/healthz").status == 200)
    let third = try await fixture.connect()
    #expect(await third.isClosed())
    #expect(try await first.ask("GET", "/metrics").body.contains("assay_http_connections 2\n"))
    #expect(try await first.ask("GET", "/metrics").body.contains("assay_http_connections_refused_total 1\n"))
    await fixture.server.close()
  }

  // MARK: - TLS

  @Test func decisionsAreMadeOverTLSToo() async throws {
    let fixture = try await HTTPFixture(tls: HTTPCertificates.shared.server(clients: .anyone))
    let client = try await fixture.connect(tls: HTTPCertificates.shared.client())
    for i in 0..<3 {
      #expect(try await client.ask("POST", "/v1/decisions", HTTPFixture.transaction("ok-\(i)")).status == 200)
    }
    let rows = (0..<10_000).map { HTTPFixture.transaction("ok-\($0)") }.joined(separator: ",")
    #expect(try await client.ask("POST", "/v1/decisions", "[\(rows)]").body.split(separator: "\n").count == 10_000)
    let refused = try await client.ask("POST", "/v1/decisions", "", headers: ["Content-Length: 9000000"])
    #expect(refused.status == 413)
    #expect(await client.isClosed())
    await fixture.server.close()
  }

  @Test func aTLSPortThatDemandsCertificatesTakesNoOtherClient() async throws {
    let fixture = try await HTTPFixture(
      tls: HTTPCertificates.shared.server(clients: .certified(by: HTTPCertificates.shared.authority.certificate)))
    let known = try await fixture.connect(tls: HTTPCertificates.shared.client(certified: true))
    #expect(try await known.ask("GET", "/healthz").status == 200)
    let unknown = try await fixture.connect(tls: HTTPCertificates.shared.client())
    await #expect(throws: (any Error).self) { try await unknown.ask("GET", "/healthz") }
    await fixture.server.close()
  }

  @Test func plainHTTPToATLSPortIsToldSo() async throws {
    let fixture = try await HTTPFixture(tls: HTTPCertificates.shared.server(clients: .anyone))
    let client = try await fixture.connect()
    let response = try await client.ask("GET", "/healthz")
    #expect(response.status == 400 && response.body.contains("\"tls_required\""))
    #expect(await client.isClosed())
    await fixture.server.close()
  }

  @Test func aTLSClientOnAPlainPortEndsWithAReadableAnswer() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    // The first bytes of a ClientHello (RFC 8446, section 5.1).
    try await client.send([22, 3, 1, 0, 120, 1, 0, 0, 116, 3, 3])
    let response = try await client.response()
    #expect(response.status == 400 && response.body.contains("\"plain_http\""))
    #expect(await client.isClosed())

    let real = try await fixture.connect(tls: HTTPCertificates.shared.client())
    await #expect(throws: (any Error).self) { try await real.ask("GET", "/healthz") }
    await fixture.server.close()
  }
}

/// An authority and what it issues, made once a run.
struct HTTPCertificates {
  static let shared: HTTPCertificates = {
    do { return HTTPCertificates(authority: try CertificateAuthority.create(realm: "test")) } catch { fatalError("\(error)") }
  }()

  let authority: CertificateAuthority

  func server(clients: TLSServerContext.Clients) throws -> TLSServerContext {
    let name = SubjectName(realm: "test", role: .node, name: "w1")!
    return try TLSServerContext(authority.issue(name, hosts: ["127.0.0.1"]), clients: clients)
  }

  func client(certified: Bool = false) throws -> TLSClientContext {
    let name = SubjectName(realm: "test", role: .client, name: "shop")!
    return try TLSClientContext(certified ? authority.issue(name, hosts: []) : nil, authorities: authority.certificate)
  }
}
