import Wire

@testable import Worker

/// A program on a host of its own: its events, its clock's error, its ports and connections.
final class Process {
  let world: World
  let id: Int
  let name: String
  let host: String
  private(set) var isAlive = false
  /// Rises with each start; what an earlier one had planned does not happen.
  private(set) var incarnation = 0
  private(set) var isStopped = false
  /// The machine has power: one without answers nobody, not even that nobody listens.
  var hasPower = true
  /// Of the wall clock, ms.
  var skew: Int64 = 0
  /// What came due while it was stopped.
  var backlog: [World.Event] = []
  var listener: ((Connection.End) -> Link)?
  /// Ends of its connections, in the order in which they were made.
  var ends: [Connection.End] = []

  init(_ world: World, id: Int, name: String) {
    self.world = world
    self.id = id
    self.name = name
    host = "10.0.0.\(id + 1)"
  }

  var address: String { "\(host):7101" }

  func start() {
    precondition(!isAlive)
    isAlive = true
    isStopped = false
    hasPower = true
    incarnation += 1
  }

  /// SIGKILL. Its kernel closes its connections, as far as there is one left.
  func die() {
    isAlive = false
    isStopped = false
    let late = backlog
    backlog.removeAll()
    for event in late { event.drop() }
    listener = nil
    let open = ends
    ends.removeAll()
    for end in open { end.processDied(quietly: !hasPower) }
  }

  /// SIGSTOP and SIGCONT.
  func stop() { isStopped = true }

  func goOn() {
    isStopped = false
    let late = backlog
    backlog.removeAll()
    for event in late { world.schedule(event, at: world.now) }
  }
}
