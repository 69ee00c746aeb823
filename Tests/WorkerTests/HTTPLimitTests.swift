import NIOCore
import Testing

@testable import Worker

/// What is too large, too slow or too much, over real sockets.
@Suite(.serialized, .timeLimit(.minutes(1))) struct HTTPLimitTests {
  // MARK: - Size

  @Test func bodiesInChunksAreTaken() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let body = HTTPFixture.transaction("ok-1")
    try await client.send("POST /v1/decisions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    for byte in body.utf8 { client.push(Array("1\r\n\(Character(Unicode.Scalar(byte)))\r\n".utf8)) }
    client.push(Array("0\r\n\r\n".utf8))
    let response = try await client.response()
    #expect(response.status == 200 && response.body.hasPrefix("{\"transaction_id\":\"ok-1\""))
    await fixture.server.close()
  }

  @Test func aBodyTooLargeByItsLengthIsRefusedUnread() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    try await client.send("POST /v1/decisions HTTP/1.1\r\nHost: a\r\nContent-Length: 8388609\r\nX-Request-Id: big\r\n\r\n")
    let response = try await client.response()
    #expect(response.status == 413 && response.body.contains("\"body_too_large\"") && response.headers["connection"] == "close")
    #expect(response.headers["x-request-id"] == "big")
    #expect(await client.isClosed())
    #expect(fixture.registry.text().contains("assay_http_requests_total{path=\"/v1/decisions\",code=\"413\"} 1\n"))
    await fixture.server.close()
  }

  @Test func aBodyThatGrowsTooLargeIsRefusedWhileItIsSent() async throws {
    let fixture = try await HTTPFixture {
      $0.bodyMax = 100_000
      $0.lingerTimeout = .hours(1)
    }
    let client = try await fixture.connect()
    try await client.send("POST /v1/decisions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    let chunk = Array("4000\r\n".utf8) + [UInt8](repeating: 32, count: 0x4000) + Array("\r\n".utf8)
    for _ in 0..<20 { client.push(chunk) }
    let response = try await client.response()
    #expect(response.status == 413)
    #expect(await client.isClosed())
    // A reset now could take the refusal from a client that reads only after it has sent: the server takes the rest,
    // more than the sockets' buffers hold.
    for _ in 0..<1_000 { try await client.send(chunk) }
    try await client.closeOutput()
    await fixture.server.close(within: .hours(1))
  }

  @Test func aRefusedClientIsNotListenedToForEver() async throws {
    let fixture = try await HTTPFixture { $0.lingerTimeout = .milliseconds(50) }
    let client = try await fixture.connect()
    try await client.send("NONSENSE\r\n\r\n")
    #expect(try await client.response().status == 400)
    // Sending fails once the connection has ended.
    while (try? await client.send("more")) != nil {}
    await fixture.server.close(within: .hours(1))
  }

  @Test func nothingIsReadWhileARequestWaitsForItsAnswer() async throws {
    let fixture = try await HTTPFixture { $0.bodiesMax = 1 << 20 }
    let client = try await fixture.connect()
    let headers = ["Content-Type: application/json", "Assay-Deadline-Ms: 60000"]
    client.push(HTTPClient.request("POST", "/v1/decisions", Array(HTTPFixture.transaction("hold-1").utf8), headers: headers))
    await fixture.gateway.holds()
    // Read at once, these would be more than all bodies may be.
    let padding = [UInt8](repeating: 32, count: 50_000)
    for i in 0..<100 {
      client.push(HTTPClient.request("POST", "/v1/decisions", Array(HTTPFixture.transaction("ok-\(i)").utf8) + padding))
    }
    // Another connection of the same loop has its turn only after what there was to read has been read.
    for _ in 0..<8 { #expect(try await fixture.connect().ask("GET", "/healthz").status == 200) }
    fixture.gateway.release()
    for _ in 0...100 { #expect(try await client.response().status == 200) }
    await fixture.server.close()
  }

  @Test func responsesThatNobodyTakesKeepNewBodiesOut() async throws {
    let fixture = try await HTTPFixture { $0.bodiesMax = 4 << 20 }
    let deaf = try await DeafClient.connect(port: fixture.server.port)
    let rows = (0..<10_000).map { HTTPFixture.transaction("ok-\($0)") }.joined(separator: ",")
    let request = HTTPClient.request("POST", "/v1/decisions", Array("[\(rows)]".utf8))
    for _ in 0..<8 { deaf.push(request) }
    // With a body of the deaf client's it would be taken, with a response it is not.
    let other = HTTPFixture.transaction("ok-1") + String(repeating: " ", count: 2_800_000)
    #expect(request.count < 1_600_000)
    var refused: HTTPClient.Response
    repeat { refused = try await fixture.connect().ask("POST", "/v1/decisions", other) } while refused.status == 200
    #expect(refused.status == 429)
    await fixture.server.close(within: .milliseconds(1))
  }

  @Test func theLargestBodyIsTaken() async throws {
    let fixture = try await HTTPFixture { $0.bodyMax = 100_000 }
    let client = try await fixture.connect()
    let transaction = Array(HTTPFixture.transaction("ok-1").utf8)
    let body = [UInt8](repeating: 32, count: 100_000 - transaction.count) + transaction
    client.push(HTTPClient.request("POST", "/v1/decisions", body))
    #expect(try await client.response().status == 200)
    client.push(HTTPClient.request("POST", "/v1/decisions", [32] + body))
    #expect(try await client.response().status == 413)
    await fixture.server.close()
  }

  @Test func aHeadTooLargeIsRefused() async throws {
    let fixture = try await HTTPFixture()
    let line = "X-Padding: " + String(repeating: "a", count: 15_000)
    let client = try await fixture.connect()
    #expect(try await client.ask("GET", "/healthz", headers: [line]).status == 200)
    let response = try await client.ask("GET", "/healthz", headers: [line, line])
    #expect(response.status == 431 && response.body.contains("\"head_too_large\""))
    #expect(await client.isClosed())

    let many = try await fixture.connect()
    #expect(try await many.ask("GET", "/healthz", headers: (0..<200).map { "X-\($0): 1" }).status == 431)
    await fixture.server.close()
  }

  @Test func bodiesOfAllRequestsTogetherAreBounded() async throws {
    let fixture = try await HTTPFixture { $0.bodiesMax = 1_000 }
    let held = try await fixture.connect()
    let headers = ["Content-Type: application/json", "Content-Length: 900", "Expect: 100-continue"]
    try await held.send(HTTPClient.request("POST", "/v1/decisions", headers: headers))
    #expect(try await held.response().status == 100)
    try await held.send(String(repeating: " ", count: 800))

    // The first client's bytes may still be on their way: ask until they have arrived.
    let other = HTTPFixture.transaction("ok-1") + String(repeating: " ", count: 300)
    var refused: HTTPClient.Response
    repeat { refused = try await fixture.connect().ask("POST", "/v1/decisions", other) } while refused.status == 200
    #expect(refused.status == 429 && refused.headers["retry-after"] == "1" && refused.body.contains("\"busy\""))

    // What is given up is given back.
    await held.close()
    var taken: HTTPClient.Response
    repeat { taken = try await fixture.connect().ask("POST", "/v1/decisions", other) } while taken.status == 429
    #expect(taken.status == 200)
    let client = try await fixture.connect()
    for _ in 0..<10 { #expect(try await client.ask("POST", "/v1/decisions", other).status == 200) }
    await fixture.server.close()
  }

  // MARK: - Expectations

  @Test func aClientThatAsksFirstIsToldToGoOn() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let body = HTTPFixture.transaction("ok-1")
    let headers = ["Content-Type: application/json", "Expect: 100-continue", "Content-Length: \(body.utf8.count)"]
    try await client.send(HTTPClient.request("POST", "/v1/decisions", headers: headers))
    #expect(try await client.response().status == 100)
    try await client.send(body)
    #expect(try await client.response().status == 200)

    let over = try await client.ask("POST", "/v1/decisions", headers: ["Expect: 100-continue", "Content-Length: 8388609"])
    #expect(over.status == 413)
    let odd = try await fixture.connect().ask("POST", "/v1/decisions", headers: ["Expect: a-miracle", "Content-Length: 1"])
    #expect(odd.status == 417)
    await fixture.server.close()
  }

  @Test func goOnIsNotSaidBeforeAnEarlierAnswer() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let body = HTTPFixture.transaction("ok-2")
    let headers = ["Content-Type: application/json", "Expect: 100-continue", "Content-Length: \(body.utf8.count)"]
    client.push(
      HTTPClient.request("POST", "/v1/decisions", Array(HTTPFixture.transaction("ok-1").utf8))
        + HTTPClient.request("POST", "/v1/decisions", headers: headers))
    #expect(try await client.response().status == 200)
    #expect(try await client.response().status == 100)
    try await client.send(body)
    #expect(try await client.response().body.contains("ok-2"))
    await fixture.server.close()
  }

  // MARK: - Time

  @Test(arguments: ["GET /healthz HTTP/1.1\r\nHo", "POST /v1/decisions HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{"])
  func aRequestThatDoesNotArriveWholeIsClosedByTheTimeout(start: String) async throws {
    let fixture = try await HTTPFixture { $0.readTimeout = .milliseconds(50) }
    let client = try await fixture.connect()
    try await client.send(start)
    let response = try await client.response()
    #expect(response.status == 408 && response.body.contains("\"request_timeout\"") && response.headers["connection"] == "close")
    #expect(await client.isClosed())
    await fixture.server.close()
  }

  @Test func aClientThatDripsItsRequestGainsNoTime() async throws {
    let fixture = try await HTTPFixture { $0.readTimeout = .milliseconds(50) }
    let client = try await fixture.connect()
    #expect(try await client.ask("GET", "/healthz").status == 200)
    let drip = Task {
      try await client.send("GET /healthz HTTP/1.1\r\nX: ")
      while !Task.isCancelled { try await client.send("a") }
    }
    #expect(try await client.response().status == 408)
    drip.cancel()
    await fixture.server.close()
  }

  @Test func aConnectionThatSaysNothingIsClosedWithoutAWord() async throws {
    let fixture = try await HTTPFixture { $0.openTimeout = .milliseconds(50) }
    let silent = try await fixture.connect()
    #expect(await silent.isClosed())
    await fixture.server.close()

    let other = try await HTTPFixture { $0.idleTimeout = .milliseconds(50) }
    let idle = try await other.connect()
    #expect(try await idle.ask("GET", "/healthz").status == 200)
    #expect(await idle.isClosed())
    await other.server.close()
  }

  @Test func timeInTheGatewayIsNotTheClientsTime() async throws {
    let fixture = try await HTTPFixture {
      $0.readTimeout = .seconds(1)
      $0.idleTimeout = .seconds(1)
    }
    let client = try await fixture.connect()
    let headers = ["Content-Type: application/json", "Assay-Deadline-Ms: 1200"]
    #expect(try await client.ask("POST", "/v1/decisions", HTTPFixture.transaction("hold-1"), headers: headers).status == 504)
    #expect(try await client.ask("GET", "/healthz").status == 200)
    await fixture.server.close()
  }

  @Test func aClientThatTakesNoAnswersIsClosed() async throws {
    let fixture = try await HTTPFixture {
      $0.writeTimeout = .milliseconds(50)
      $0.openTimeout = .hours(1)
    }
    // Its receive window fills, for nobody reads; the sockets' buffers hold less than these answers.
    let deaf = try await DeafClient.connect(port: fixture.server.port)
    let rows = (0..<10_000).map { HTTPFixture.transaction("ok-\($0)") }.joined(separator: ",")
    let request = HTTPClient.request("POST", "/v1/decisions", Array("[\(rows)]".utf8))
    for _ in 0..<8 { deaf.push(request) }
    try await deaf.closed()
    await fixture.server.close()
  }

  // MARK: - Framing

  @Test(arguments: [
    "GET /healthz HTTP/1.1\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "POST /v1/decisions HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/decisions HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
  ])
  func requestsThatTwoReadersCouldReadDifferentlyAreRefused(text: String) async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    try await client.send(text)
    let response = try await client.response()
    #expect(response.status == 400 && response.body.contains("\"malformed_request\""), "\(response)")
    #expect(await client.isClosed())
    await fixture.server.close()
  }

  @Test func otherVersionsOfTheProtocolAreRefused() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    try await client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    #expect([400, 505].contains(try await client.response().status))
    #expect(await client.isClosed())
    await fixture.server.close()
  }
}
