/// A message that can't be read. Never retriable: the same bytes fail again.
public enum WireError: Error, Equatable, Sendable, CustomStringConvertible {
  case truncated(at: Int, needed: Int)
  case leftOver(at: Int, Int)
  case overLimit(at: Int, Int, limit: Int)
  case invalid(at: Int, String)

  public var description: String {
    switch self {
    case .truncated(let at, let needed): "the message ends at byte \(at), \(needed) bytes early"
    case .leftOver(let at, let count): "\(count) bytes are left over after the message's end at byte \(at)"
    case .overLimit(let at, let count, let limit): "\(count) at byte \(at) is over the limit of \(limit)"
    case .invalid(let at, let what): "byte \(at): \(what)"
    }
  }
}
