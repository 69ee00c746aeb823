import Models
import Testing
import Wire

@testable import Worker

/// `POST /v1/decisions` over real sockets.
@Suite(.serialized, .timeLimit(.minutes(1))) struct HTTPDecisionTests {
  @Test func oneTransactionIsAnsweredWithItsDecision() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let response = try await client.ask("POST", "/v1/decisions", HTTPFixture.transaction("fraud-1"))
    #expect(response.status == 200 && response.headers["content-type"] == "application/json")
    #expect(
      response.body
        == #"{"transaction_id":"fraud-1","partition":3,"offset":17,"verdict":"potential_fraud","action":"decline","#
        + #""score":0.912500,"reasons":["ODD \"HOUR\"","CARD_VELOCITY"],"flags":["degraded","late"],"#
        + #""bundle":"00000000000000010000000000000002"}"# + "\n")
    let (submit, rows) = try #require(fixture.gateway.seen.withLock { $0.submits.first })
    #expect(rows == 1 && submit.flags == .interactive && submit.deadlineMilliseconds == 1000)
    #expect(submit.firstSent == 1_790_000_000_000)
    await fixture.server.close()
  }

  @Test func aDecisionUnderHotItemsOfListsNamesTheirVersion() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let one = try await client.ask("POST", "/v1/decisions", HTTPFixture.transaction("ok-listed"))
    #expect(one.body.hasSuffix(#","bundle":"00000000000000010000000000000002","list_version":12}"# + "\n"), "\(one)")
    let again = try await client.ask("POST", "/v1/decisions?features=true", HTTPFixture.transaction("dup-listed"))
    #expect(again.body.contains(#","list_version":12,"duplicate":true,"features""#), "\(again)")
    await fixture.server.close()
  }

  @Test func featuresAndDeadlineAndFirstSentComeFromTheRequest() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let headers = ["Content-Type: application/json; charset=utf-8", "Assay-Deadline-Ms: 250", "Assay-First-Sent-Ms: 1780000000000"]
    let response = try await client.ask("POST", "/v1/decisions?features=true", HTTPFixture.transaction("ok-1"), headers: headers)
    #expect(response.status == 200 && response.body.hasSuffix(#","features":{"count_1h":3,"sum_24h":null}}"# + "\n"))
    let (submit, _) = try #require(fixture.gateway.seen.withLock { $0.submits.first })
    #expect(submit.flags == [.interactive, .withFeatures] && submit.deadlineMilliseconds == 250)
    #expect(submit.firstSent == 1_780_000_000_000)

    // A caller's clock that is a little ahead says the same at each worker.
    let ahead = ["Content-Type: application/json", "Assay-First-Sent-Ms: 1790000600000"]
    #expect(try await client.ask("POST", "/v1/decisions", HTTPFixture.transaction("ok-3"), headers: ahead).status == 200)
    #expect(fixture.gateway.seen.withLock { $0.submits.last?.0.firstSent } == 1_790_000_600_000)

    let byHeader = try await client.ask(
      "POST", "/v1/decisions", HTTPFixture.transaction("ok-2"), headers: ["Content-Type: application/json", "Assay-Features: true"])
    #expect(byHeader.body.contains("\"features\""))
    await fixture.server.close()
  }

  @Test(arguments: [
    ("dup-1", 200, "\"duplicate\":true"), ("conflict-1", 409, "\"code\":\"conflicting_duplicate\""),
    ("future-1", 422, "\"code\":\"time_in_future\",\"message\":\"the time lies ahead\",\"field\":\"event_time\""),
    ("busy-1", 429, "\"code\":\"busy\""), ("gone-1", 503, "\"code\":\"unavailable\""), ("late-1", 504, "\"code\":\"deadline\""),
  ])
  func everyOutcomeHasItsStatus(id: String, status: Int, text: String) async throws {
    let fixture = try await HTTPFixture()
    let response = try await fixture.connect().ask("POST", "/v1/decisions", HTTPFixture.transaction(id))
    #expect(response.status == status && response.body.contains(text), "\(response)")
    #expect(response.headers["retry-after"] == (status == 429 || status == 503 ? "1" : nil))
    #expect(response.body.contains("\"retriable\":true") == [429, 503, 504].contains(status))
    await fixture.server.close()
  }

  @Test(arguments: [
    (Failure(.busy, "full", retryAfterMilliseconds: 2500), 429, "3"), (Failure(.shuttingDown, "ends"), 503, "1"),
    (Failure(.deadline, "late"), 504, nil), (Failure(.malformed, "odd"), 500, nil), (Failure(.notAuthorized, "no"), 403, nil),
  ])
  func aFailureOfTheWholeBatchHasItsStatus(failure: Failure, status: Int, retryAfter: String?) async throws {
    let fixture = try await HTTPFixture()
    fixture.gateway.failure.withLock { $0 = failure }
    let response = try await fixture.connect().ask("POST", "/v1/decisions", "[\(HTTPFixture.transaction("ok-1"))]")
    #expect(response.status == status && response.headers["retry-after"] == retryAfter, "\(response)")
    #expect(response.body.contains("\"message\":\"\(failure.message)\""))
    await fixture.server.close()
  }

  @Test func aGatewayThatIsSilentIsAnsweredForAtTheDeadline() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let response = try await client.ask(
      "POST", "/v1/decisions", HTTPFixture.transaction("hold-1"), headers: ["Content-Type: application/json", "Assay-Deadline-Ms: 20"])
    #expect(response.status == 504 && response.body.contains("\"code\":\"deadline\""))
    #expect(try await client.ask("GET", "/healthz").status == 200)
    await fixture.server.close()
  }

  // MARK: - Labels

  @Test func labelsAreAnsweredRowByRow() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    func row(_ id: String, _ label: String) -> String { HTTPFixture.transaction(id).dropLast() + ",\(label)}" }
    let one = try await client.ask("POST", "/v1/labels", row("label-1", #""label":"fraud","label_version":2"#))
    #expect(one.status == 200 && one.body == #"{"transaction_id":"label-1","status":"applied"}"# + "\n")
    let (submit, _) = try #require(fixture.gateway.seen.withLock { $0.submits.first })
    #expect(submit.flags == .labels)
    let rows = [
      row("labelled-2", #""label":"legitimate""#), row("label-3", #""label":"perhaps""#), HTTPFixture.transaction("label-4"),
      row("unknown-5", #""label":"fraud""#), row("label-6", #""label":"fraud","label_version":0"#),
    ]
    let many = try await client.ask("POST", "/v1/labels", "[" + rows.joined(separator: ",") + "]")
    let lines = many.body.split(separator: "\n")
    #expect(many.status == 200 && lines.count == 5, "\(many)")
    #expect(lines[0] == #"[{"transaction_id":"labelled-2","status":"already_applied"},"#)
    #expect(lines[1].contains(#""code":"value_out_of_range""#) && lines[2].contains(#""code":"missing_field""#))
    #expect(lines[3].contains(#""code":"unknown_transaction""#) && lines[4].contains(#""field":"label_version""#))
    let alone = try await client.ask("POST", "/v1/labels", row("unknown-7", #""label":"fraud""#))
    #expect(alone.status == 404)
    #expect(try await client.ask("POST", "/v1/decisions", row("ok-8", #""label":"fraud""#)).status == 422, "a payment has no label")
    await fixture.server.close()
  }

  // MARK: - Arrays

  @Test func anArrayIsAnsweredRowByRowInOrder() async throws {
    let fixture = try await HTTPFixture()
    let rows = [
      HTTPFixture.transaction("ok-1"), HTTPFixture.transaction("bad-2", more: ",\"colour\":1"), HTTPFixture.transaction("busy-3"), "7",
      HTTPFixture.transaction("dup-5"),
    ]
    let response = try await fixture.connect().ask("POST", "/v1/decisions", "[\(rows.joined(separator: " , "))]")
    #expect(response.status == 200)
    let lines = response.body.split(separator: "\n")
    try #require(lines.count == 5)
    #expect(lines[0].hasPrefix(#"[{"transaction_id":"ok-1","partition":3,"offset":17"#))
    #expect(lines[1].hasPrefix(#"{"transaction_id":"bad-2","error":{"code":"unknown_field""#) && lines[1].contains(#""field":"colour""#))
    #expect(lines[2].hasPrefix(#"{"transaction_id":"busy-3","error":{"code":"busy""#))
    #expect(lines[3].hasPrefix(#"{"error":{"code":"malformed""#))
    #expect(lines[4].hasPrefix(#"{"transaction_id":"dup-5","partition":3,"offset":19"#) && lines[4].hasSuffix("\"duplicate\":true}]"))

    let kept = fixture.gateway.seen.withLock { $0.quarantined }
    #expect(kept.map(\.rejection.reason) == [.unknownField, .malformed] && kept.allSatisfy { $0.source == "http" })
    #expect(kept[0].excerpt == Array(rows[1].utf8) && kept[1].excerpt == Array("7".utf8))
    let metrics = fixture.registry.text()
    #expect(metrics.contains("assay_rejected_total{reason=\"unknown_field\"} 1\n"))
    await fixture.server.close()
  }

  @Test func anArrayWhoseRowsAllFailAlikeFailsAsAWhole() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    func ask(_ ids: String...) async throws -> Int {
      try await client.ask("POST", "/v1/decisions", "[\(ids.map { HTTPFixture.transaction($0) }.joined(separator: ","))]").status
    }
    #expect(try await ask("busy-1", "busy-2") == 429)
    #expect(try await ask("gone-1", "gone-2") == 503)
    #expect(try await ask("busy-1", "gone-2") == 200)
    #expect(try await ask("busy-1", "ok-2") == 200)
    let mixed = try await client.ask("POST", "/v1/decisions", "[{},\(HTTPFixture.transaction("busy-1"))]")
    #expect(mixed.status == 200)
    await fixture.server.close()
  }

  @Test func anArrayTakesTenThousandTransactionsAndNotOneMore() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let rows = (0..<10_000).map { HTTPFixture.transaction("ok-\($0)") }.joined(separator: ",")
    let response = try await client.ask("POST", "/v1/decisions", "[\(rows)]")
    #expect(response.status == 200)
    let lines = response.body.split(separator: "\n")
    #expect(lines.count == 10_000 && lines.last!.hasPrefix(#"{"transaction_id":"ok-9999","partition":3,"offset":10016"#))
    #expect(fixture.gateway.seen.withLock { $0.submits.map(\.rows) } == [10_000])

    let over = try await client.ask("POST", "/v1/decisions", "[\(rows),\(HTTPFixture.transaction("ok-10000"))]")
    #expect(over.status == 413 && over.body.contains("\"too_many_transactions\""))
    #expect(fixture.gateway.seen.withLock { $0.submits.count } == 1)
    await fixture.server.close()
  }

  @Test func manyRejectedRowsGoToTheQuarantineInPortions() async throws {
    let fixture = try await HTTPFixture()
    let rows = [String](repeating: "{}", count: 2_500).joined(separator: ",")
    let response = try await fixture.connect().ask("POST", "/v1/decisions", "[\(rows)]")
    #expect(response.status == 200 && response.body.split(separator: "\n").count == 2_500)
    #expect(fixture.gateway.seen.withLock { $0.quarantined.count } == 2_500)
    #expect(fixture.gateway.seen.withLock { $0.submits.isEmpty })
    await fixture.server.close()
  }

  // MARK: - What is no transaction

  @Test(arguments: [
    ("{\"transaction_id\":", "malformed_json"), ("{} {}", "malformed_json"), ("[{},]", "malformed_json"), ("42", "malformed_json"),
    ("[]", "empty_array"), ("", "empty_body"),
  ])
  func aBodyThatIsNoTransactionIsRefused(body: String, code: String) async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let response = try await client.ask("POST", "/v1/decisions", body)
    #expect(response.status == 400 && response.body.contains("\"code\":\"\(code)\""), "\(response)")
    #expect(try await client.ask("GET", "/healthz").status == 200)
    await fixture.server.close()
  }

  @Test func bytesThatAreNotUTF8AreRefusedAndKept() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let body = Array("{\"transaction_id\":\"".utf8) + [0xFF, 0xFE] + Array("\"}".utf8)
    try await client.send(HTTPClient.request("POST", "/v1/decisions", body))
    let response = try await client.response()
    #expect(response.status == 400 && response.body.contains("\"code\":\"invalid_utf8\""))
    let kept = fixture.gateway.seen.withLock { $0.quarantined }
    #expect(kept.map(\.excerpt) == [body] && kept.map(\.rejection.reason) == [.invalidUTF8])
    await fixture.server.close()
  }

  @Test func oneRejectedTransactionNamesReasonAndField() async throws {
    let fixture = try await HTTPFixture()
    let response = try await fixture.connect().ask("POST", "/v1/decisions", "{\"transaction_id\":\"a\"}")
    #expect(response.status == 422 && response.body.hasPrefix(#"{"error":{"code":"missing_field","message":"#), "\(response)")
    #expect(response.body.contains("\"field\":\"event_time\""))
    await fixture.server.close()
  }

  @Test func idsAreSentBackEscaped() async throws {
    let fixture = try await HTTPFixture()
    let response = try await fixture.connect().ask("POST", "/v1/decisions", HTTPFixture.transaction(#"a\"b\\c\u00e9/\u20ac"#))
    #expect(response.body.hasPrefix(#"{"transaction_id":"a\"b\\cé/€","partition""#), "\(response)")
    await fixture.server.close()
  }

  @Test func extraFieldsOfTheSchemaAreTakenOnceItHasThem() async throws {
    let fixture = try await HTTPFixture()
    let client = try await fixture.connect()
    let body = HTTPFixture.transaction("ok-1", more: ",\"basket\":3")
    #expect(try await client.ask("POST", "/v1/decisions", body).status == 422)
    fixture.gateway.fields.withLock { $0 = [ExtraFieldSpec(name: "basket", kind: .integer)] }
    #expect(try await client.ask("POST", "/v1/decisions", body).status == 200)
    await fixture.server.close()
  }

  @Test(arguments: [
    (["Content-Type: text/plain"], 415), ([], 415), (["Content-Type: application/json", "Content-Encoding: gzip"], 415),
    (["Content-Type: application/json", "Assay-Deadline-Ms: 0"], 400),
    (["Content-Type: application/json", "Assay-Deadline-Ms: soon"], 400),
    (["Content-Type: application/json", "Assay-First-Sent-Ms: -1"], 400),
    (["Content-Type: application/json", "Assay-First-Sent-Ms: 1790000600001"], 400),
    (["Content-Type: application/json", "Assay-Features: maybe"], 400),
  ])
  func headersThatAreNotUnderstoodAreRefused(headers: [String], status: Int) async throws {
    let fixture = try await HTTPFixture()
    let response = try await fixture.connect().ask("POST", "/v1/decisions", HTTPFixture.transaction("ok-1"), headers: headers)
    #expect(response.status == status, "\(response)")
    #expect(fixture.gateway.seen.withLock { $0.submits.isEmpty })
    await fixture.server.close()
  }
}
