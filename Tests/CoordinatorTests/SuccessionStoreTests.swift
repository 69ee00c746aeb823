import Testing
import Wire

@testable import Coordinator

@Suite struct SuccessionStoreTests {
  @Test func `the counter of partition ids is read whole or not at all`() throws {
    let bytes = PartitionCounter(next: PartitionID(0x0102_0304)).encoded
    #expect(bytes == [4, 3, 2, 1])
    #expect(try PartitionCounter(reading: bytes.span.bytes).next == PartitionID(0x0102_0304))
    for length in 0...5 where length != 4 {
      let wrong = Array((bytes + [0]).prefix(length))
      #expect(throws: WireError.self) { _ = try PartitionCounter(reading: wrong.span.bytes) }
    }
  }
}
