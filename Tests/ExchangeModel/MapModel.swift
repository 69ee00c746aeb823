import Wire
import Worker

/// A cluster map: which homes there are, and who owns the entities' keys.
struct MapModel {
  var version: MapVersion
  var homes: [PartitionID]
  var targets: [ExchangeRoute]
}

/// What is on its way, as a value; `copied` takes it through its bytes.
enum MessageModel {
  case contributions(Contributions)
  case replies(ContributionReplies)

  func copied() -> MessageModel {
    var out = WireWriter()
    switch self {
    case .contributions(let message):
      message.write(to: &out)
      return .contributions(try! Contributions(reading: out.bytes.span.bytes))
    case .replies(let message):
      message.write(to: &out)
      return .replies(try! ContributionReplies(reading: out.bytes.span.bytes))
    }
  }
}

/// Numbers of a run, by its seed (splitmix64, public domain, Sebastiano Vigna).
struct ModelRandom {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
