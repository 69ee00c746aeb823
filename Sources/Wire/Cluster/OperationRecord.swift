/// One long action of the coordinator's: what was asked, how far it is, how it ended. In the store from its start on, so
/// that whichever coordinator process comes next goes on with it.
public struct OperationRecord: WireValue {
  public enum State: UInt8, Sendable, CaseIterable {
    case running = 1
    /// Given up by an operator; what was begun is being taken back.
    case aborting = 2
    case finished = 3
    case failed = 4
    case aborted = 5

    public var isOver: Bool { self != .running && self != .aborting }
  }

  public var id: OperationID
  public var request: OperationRequest
  public var state: State
  /// How far it is, in the numbers of its kind; 0 at the start.
  public var phase: UInt8
  /// What it is about now, what it waits for, or how it ended: one line for people.
  public var note: String
  /// Who asked, as its certificate says, or `coordinator`.
  public var requester: String
  /// Milliseconds since the Unix epoch by the coordinator's clock, for people. `endedAt` is 0 while it is not over.
  public var startedAt: Int64
  public var endedAt: Int64
  /// Chosen by whoever asked: the same request sent twice starts one operation.
  public var token: UInt64
  /// What its kind has to remember from phase to phase.
  public var detail: [UInt8]

  public static let detailMax = 65_536

  public init(
    id: OperationID, request: OperationRequest, state: State = .running, phase: UInt8 = 0, note: String = "",
    requester: String, startedAt: Int64, endedAt: Int64 = 0, token: UInt64 = 0, detail: [UInt8] = []
  ) {
    self.id = id
    self.request = request
    self.state = state
    self.phase = phase
    self.note = note
    self.requester = requester
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.token = token
    self.detail = detail
  }

  static let encodedSizeMin = 4 + 1 + 2 + 4 + 24 + 4

  public func write(to out: inout WireWriter) {
    out.write(id.rawValue)
    request.write(to: &out)
    out.write(state.rawValue)
    out.write(phase)
    out.write(note)
    out.write(requester)
    out.write(startedAt)
    out.write(endedAt)
    out.write(token)
    out.write(block: detail)
  }

  public init(from reader: inout WireReader) throws(WireError) {
    id = OperationID(try reader.read(UInt32.self))
    request = try OperationRequest(from: &reader)
    state = try reader.read(code: State.self)
    phase = try reader.read(UInt8.self)
    note = try reader.readString(limit: ClusterLimit.textLength)
    requester = try reader.readString(limit: ClusterLimit.textLength)
    startedAt = try reader.read(Int64.self)
    endedAt = try reader.read(Int64.self)
    token = try reader.read(UInt64.self)
    detail = try reader.readBlock(limit: Self.detailMax)
  }
}
