import DequeModule
import NIOCore
import Wire

@testable import Wire

/// All hosts and what lies between them. A connection is TCP's: bytes arrive in order or not at all, late where packets are
/// lost; it breaks, and is made anew by whoever wants it.
final class Network {
  /// What happens to packets from one host to another.
  struct Path {
    var isCut = false
    /// Added to each packet's way.
    var extraDelay: UInt64 = 0
    /// Of packets that have to be sent again, in percent.
    var loss = 0.0
  }

  private let world: World
  private(set) var processes: [Process] = []
  private var paths: [Path] = []
  /// Of all connections, ends in the order of their making; those that are over go from time to time.
  private var held: [Connection.End] = []
  /// Packets sent again, connections broken by chance: what the run went through.
  var breaks = 0

  init(_ world: World) { self.world = world }

  func add(_ name: String) -> Process {
    let process = Process(world, id: processes.count, name: name)
    processes.append(process)
    paths = Array(repeating: Path(), count: processes.count * processes.count)
    return process
  }

  subscript(from: Process, to: Process) -> Path {
    get { paths[from.id * processes.count + to.id] }
    set { paths[from.id * processes.count + to.id] = newValue }
  }

  /// Every path is whole again; what waited goes on its way.
  func heal() {
    for index in paths.indices { paths[index] = Path() }
    release()
  }

  /// Packets whose way is open again arrive when TCP tries them again.
  func release() {
    let ends = held
    held.removeAll()
    for end in ends { end.release() }
  }

  func hold(_ end: Connection.End) { held.append(end) }

  /// One way, one packet.
  func delay(_ from: Process, _ to: Process) -> UInt64 {
    let path = self[from, to]
    var delay: UInt64 = from === to ? 20_000 : 100_000 + world.random.within(0...400_000) + path.extraDelay
    // Sent again after the least time that TCP waits, and twice that, and so on.
    var again: UInt64 = .milliseconds(200)
    while path.loss > 0, world.random.chance(path.loss), again < .seconds(4) {
      delay += again
      again *= 2
    }
    return delay
  }

  // MARK: Connecting

  func connect(_ link: Link, from loop: Loop, to address: String) {
    let from = loop.owner
    let timeout = UInt64(link.options.connectTimeout.nanoseconds)
    guard let to = processes.first(where: { $0.address == address }) else {
      return fail(link, from, after: 1_000_000, "no such host")
    }
    guard to.hasPower, !self[from, to].isCut, !self[to, from].isCut else {
      return fail(link, from, after: timeout, "no answer in time")
    }
    let away = delay(from, to)
    world.after(away, nil) { [unowned self] in
      guard to.isAlive, let listen = to.listener else {
        guard to.hasPower else { return fail(link, from, after: timeout - min(away, timeout), "no answer in time") }
        return fail(link, from, after: delay(to, from), SystemErrorText.of(111))
      }
      let connection = Connection(self, from, to)
      world.at(world.now, to) {
        // Accepted by the program; until then by its kernel, which keeps what comes.
        let accepted = listen(connection.far)
        connection.far.open(accepted)
      }
      world.after(delay(to, from), from) {
        guard link.phase == .opening else { return connection.near.close() }
        connection.near.open(link)
      }
    }
  }

  private func fail(_ link: Link, _ from: Process, after delay: UInt64, _ text: String) {
    world.after(delay, from) { link.failed(LinkError.connect(address: link.address, text)) }
  }
}

/// Two ends between which bytes travel.
final class Connection {
  let near: End
  let far: End

  init(_ network: Network, _ from: Process, _ to: Process) {
    near = End(network, from)
    far = End(network, to)
    near.peer = far
    far.peer = near
    from.ends.append(near)
    to.ends.append(far)
  }

  /// One side of it: takes what its link writes to the other side.
  final class End: LinkCarrier {
    private enum Packet {
      case bytes([UInt8])
      case end
    }

    let owner: Process
    private unowned let network: Network
    private var link: Link?
    fileprivate var peer: End!
    private var isOver = false
    /// Sent and not arrived: TCP gives them to the peer in order.
    private var lastArrival: UInt64 = 0
    /// Sent and not arrived, oldest first: TCP gives them to the peer in this order, whichever of them gets through.
    private var underWay = Deque<Packet>()
    /// So many of them got lost where the way was cut.
    private var stalled = 0
    /// Arrived before the program had accepted.
    private var early: [Packet] = []

    init(_ network: Network, _ owner: Process) {
      self.network = network
      self.owner = owner
    }

    private var world: World { World.current }
    var isWritable: Bool { stalled < 64 }

    func open(_ link: Link) {
      self.link = link
      guard !isOver else {
        link.attach(self)
        return link.detached()
      }
      link.attach(self)
      link.opened(tls: nil)
      let early = early
      self.early.removeAll()
      for packet in early { take(packet) }
    }

    func write(_ bytes: [UInt8]) { send(.bytes(bytes)) }

    func close() {
      send(.end)
      finish()
    }

    private func send(_ packet: Packet) {
      guard !isOver else { return }
      underWay.append(packet)
      if network[owner, peer.owner].isCut || stalled > 0 { return stall() }
      travel()
    }

    private func stall() {
      if stalled == 0 { network.hold(self) }
      stalled += 1
    }

    private func travel() {
      let arrival = max(world.now + network.delay(owner, peer.owner), lastArrival + 1_000)
      lastArrival = arrival
      let peer = peer!
      world.at(arrival, peer.owner) { [unowned network] in
        // Cut while it was on its way.
        if network[self.owner, peer.owner].isCut { return self.stall() }
        guard let packet = self.underWay.popFirst() else { return }
        peer.take(packet)
      }
    }

    fileprivate func release() {
      guard stalled > 0 else { return }
      if network[owner, peer.owner].isCut { return network.hold(self) }
      let count = stalled
      stalled = 0
      // The next time that TCP tries.
      lastArrival = max(lastArrival, world.now + world.random.within(0 ... .milliseconds(900)))
      for _ in 0..<count { travel() }
    }

    private func take(_ packet: Packet) {
      guard !isOver else { return }
      guard let link else { return early.append(packet) }
      switch packet {
      case .end:
        finish()
        link.detached()
      case .bytes(let bytes):
        world.mix(UInt64(bytes.count) << 32 | UInt64(bytes.last ?? 0) << 8 | UInt64(owner.id))
        // Now and then a read ends within a frame.
        if bytes.count > 40, world.random.below(16) == 0 {
          let cut = 1 + world.random.below(bytes.count - 1)
          link.received(ByteBuffer(bytes: bytes[..<cut]))
          link.readComplete()
          guard !isOver else { return }
          link.received(ByteBuffer(bytes: bytes[cut...]))
        } else {
          link.received(ByteBuffer(bytes: bytes))
        }
        link.readComplete()
      }
    }

    /// Its process is dead. The kernel says so to the peer; a machine without power says nothing until it is back.
    func processDied(quietly: Bool) {
      guard !isOver else { return }
      isOver = true
      link = nil
      let peer = peer!
      guard !peer.isOver else { return }
      let delay = quietly ? UInt64.seconds(1) + world.random.within(0 ... .seconds(8)) : network.delay(owner, peer.owner)
      tellPeer(after: delay, peer)
    }

    private func tellPeer(after delay: UInt64, _ peer: End) {
      world.after(delay, peer.owner) { [unowned network] in
        if network[self.owner, peer.owner].isCut || !self.owner.hasPower { return self.tellPeer(after: .seconds(1), peer) }
        peer.reset()
      }
    }

    /// The connection breaks: both sides hear of it, and what was on its way is lost.
    func reset() {
      guard !isOver else { return }
      finish()
      stalled = 0
      underWay.removeAll()
      if let link {
        self.link = nil
        link.failed(LinkError.io("connection reset by peer"))
      }
    }

    /// The connection breaks, for no reason that either side knows.
    func breakDown() {
      let peer = peer!
      world.after(0, owner) { self.reset() }
      world.after(network.delay(owner, peer.owner), peer.owner) { peer.reset() }
    }

    private func finish() {
      isOver = true
      owner.ends.removeAll { $0 === self }
    }
  }
}
