import Models
import Testing

@testable import Worker

@Suite struct WorkerConfigTests {
  static func parse(_ more: String) throws(DefinitionError) -> WorkerConfig {
    try WorkerConfig(yaml: "name: w\ndata: /d\nlisten: 127.0.0.1:1\ncoordinators: [127.0.0.1:2]\ntls: off\n" + more, file: "w.yaml")
  }

  @Test func `the exchange's settings have their defaults and their bounds`() throws {
    #expect(try Self.parse("").exchange == ExchangeOptions())
    #expect(try Self.parse("http_deadline: 250ms\n").httpDeadlines.standard == 250)
    let set = try Self.parse("entity_deadline: 30ms\nexchange_window: 1024\n").exchange
    #expect(set.deadline == 30 && set.window == 1_024)
    for (line, why) in [
      ("entity_deadline: 9ms", "9ms is outside 10ms to 10s"), ("entity_deadline: 11s", "11s is outside"),
      ("entity_deadline: 100", "'100' is not a duration"), ("exchange_window: 255", "255 is outside 256 to 8192"),
      ("exchange_window: 8193", "8193 is outside 256 to 8192"), ("exchange_windw: 512", "Did you mean 'exchange_window'?"),
    ] {
      let error = #expect(throws: DefinitionError.self, "\(line)") { try Self.parse(line) }
      #expect(error?.description.contains("w.yaml:6") == true && error?.description.contains(why) == true, "\(String(describing: error))")
    }
  }
}
