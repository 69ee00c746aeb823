import ChaosSystem
import Client
import Foundation
import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// Delays packets between hosts. This kernel may lack netem, so packets take a way through this process: each host has a TUN
/// device, a route sends what is for a certain peer there, and a thread here puts it into the peer's device when its time
/// has come.
///
/// Delay and jitter are one-way and may differ each way. Packets of one way keep their order, as a queue in a router would.
/// What it can't do: limit bandwidth, corrupt or reorder. Loss is left to nft, which needs no way round.
final class PacketProxy: Sendable {
  /// Nanoseconds; `jitter` is the most that is added.
  struct Delay: Sendable {
    var base: Int64
    var jitter: Int64
  }

  static let device = "slow"
  /// More are dropped, as a full router does.
  private static let packetsMax = 20_000

  private struct State {
    var delay = Delay(base: 0, jitter: 0)
    var isClosed = false
  }

  private let network: Network
  private let descriptors: [Int32]
  private let state = Mutex(State())

  init(_ network: Network) async throws {
    self.network = network
    var descriptors: [Int32] = []
    for host in network.hosts {
      let group = try await network.eventLoops(on: host)
      let descriptor = try await group.next().submit { chaos_open_tun(Self.device) }.get()
      try await group.shutdownGracefully()
      guard descriptor >= 0 else { throw ChaosError("can't make a TUN device on \(host.name): \(String(cString: strerror(-descriptor)))") }
      descriptors.append(descriptor)
      // Packets come in by another device than the one that leads back to their sender.
      for device in ["all", Self.device] {
        try network.inside(host, ["sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/\(device)/rp_filter"])
      }
      try network.inside(host, ["ip", "link", "set", Self.device, "up"])
    }
    self.descriptors = descriptors
    let thread = Thread { self.forward() }
    thread.name = "chaos-proxy"
    thread.start()
  }

  func close() { state.withLock { $0.isClosed = true } }

  func set(_ delay: Delay) { state.withLock { $0.delay = delay } }

  /// Packets from `sender` to any of `receivers` take the slow way from now on.
  func detour(from sender: Host, to receivers: [Host]) throws {
    for receiver in receivers {
      try network.inside(
        sender, ["ip", "route", "replace", "\(receiver.address)/32", "dev", Self.device, "src", sender.address])
    }
  }

  func endDetour(from sender: Host) throws { try network.inside(sender, ["ip", "route", "flush", "dev", Self.device]) }

  // MARK: - The thread

  private struct Packet {
    var due: Int64
    var to: Int32
    var bytes: [UInt8]
  }

  private func forward() {
    var random = JitterGenerator(seed: 1)
    var waiting: [Packet] = []
    var lastDue = [Int64](repeating: 0, count: descriptors.count * 256)
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var polls = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while true {
      let (delay, isClosed) = state.withLock { ($0.delay, $0.isClosed) }
      if isClosed { break }
      let untilNext = waiting.first.map { max(0, ($0.due - ClientClock.nanoseconds() + 999_999) / 1_000_000) } ?? 50
      _ = poll(&polls, nfds_t(polls.count), Int32(min(50, untilNext)))
      let now = ClientClock.nanoseconds()
      for (index, entry) in polls.enumerated() where entry.revents & Int16(POLLIN) != 0 {
        for _ in 0..<256 {
          let count = read(entry.fd, &buffer, buffer.count)
          guard count > 0 else { break }
          // IPv4, to an address whose last byte says which host.
          guard count >= 20, buffer[0] >> 4 == 4, descriptors.indices.contains(Int(buffer[19]) - 11), waiting.count < Self.packetsMax
          else { continue }
          let way = index * 256 + Int(buffer[19])
          let due = max(lastDue[way], now + delay.base + (delay.jitter > 0 ? Int64.random(in: 0...delay.jitter, using: &random) : 0))
          lastDue[way] = due
          let packet = Packet(due: due, to: descriptors[Int(buffer[19]) - 11], bytes: Array(buffer[..<count]))
          waiting.insert(packet, at: waiting.lastIndex { $0.due <= due }.map { $0 + 1 } ?? 0)
        }
      }
      var sent = 0
      while sent < waiting.count, waiting[sent].due <= now {
        _ = write(waiting[sent].to, waiting[sent].bytes, waiting[sent].bytes.count)
        sent += 1
      }
      waiting.removeFirst(sent)
    }
    for descriptor in descriptors { Glibc.close(descriptor) }
  }
}
