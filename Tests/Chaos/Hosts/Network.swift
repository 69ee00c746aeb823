import ChaosSystem
import Foundation
import Glibc
import NIOCore
import NIOPosix

/// A machine of the run: a network namespace with one address.
struct Host: Hashable, Sendable {
  let name: String
  let address: String
  let namespace: String

  var path: String { "/run/netns/\(namespace)" }
}

/// Hosts joined by a bridge that lives in a namespace of its own: the machine's own network is never touched.
final class Network: Sendable {
  static let prefix = "10.77.0"

  let tag: String
  let hosts: [Host]
  /// Has an address on the bridge and is never cut off: who looks from here sees what an operator would.
  let control: Host

  init(tag: String, names: [String]) {
    self.tag = tag
    hosts = names.enumerated().map { Host(name: $1, address: "\(Self.prefix).\(11 + $0)", namespace: "chaos-\(tag)-\($1)") }
    control = Host(name: "switch", address: "\(Self.prefix).1", namespace: "chaos-\(tag)-switch")
  }

  func host(_ name: String) -> Host { hosts.first { $0.name == name }! }

  func make() throws {
    try Command.run(["ip", "netns", "add", control.namespace])
    try inside(control, ["ip", "link", "set", "lo", "up"])
    try inside(control, ["ip", "link", "add", "bridge", "type", "bridge", "forward_delay", "0"])
    try inside(control, ["ip", "address", "add", "\(control.address)/24", "dev", "bridge"])
    try inside(control, ["ip", "link", "set", "bridge", "up"])
    for host in hosts {
      try Command.run(["ip", "netns", "add", host.namespace])
      try Command.run([
        "ip", "link", "add", "wire", "netns", host.namespace, "type", "veth", "peer", "name", host.name, "netns", control.namespace,
      ])
      try inside(control, ["ip", "link", "set", host.name, "master", "bridge", "up"])
      try inside(host, ["ip", "link", "set", "lo", "up"])
      try inside(host, ["ip", "address", "add", "\(host.address)/24", "dev", "wire"])
      try inside(host, ["ip", "link", "set", "wire", "up"])
      try inside(host, ["nft", "add table inet chaos; add chain inet chaos in { type filter hook input priority 0; }"])
    }
  }

  func inside(_ host: Host, _ words: [String]) throws { try Command.run(["nsenter", "--net=\(host.path)"] + words) }

  /// Packets from any of `senders` are lost on their way into `receiver`: all of them, or so many percent.
  func drop(from senders: [Host], into receiver: Host, percent: Int = 100) throws {
    guard !senders.isEmpty else { return }
    let chance = percent < 100 ? " numgen random mod 100 < \(percent)" : ""
    let addresses = senders.map(\.address).joined(separator: ", ")
    try inside(receiver, ["nft", "add rule inet chaos in ip saddr { \(addresses) }\(chance) drop"])
  }

  /// Nothing is lost any more.
  func heal(_ receivers: [Host]) throws {
    for host in receivers { try inside(host, ["nft", "flush chain inet chaos in"]) }
  }

  /// A NIO loop whose sockets live on `host`.
  func eventLoops(on host: Host) async throws -> MultiThreadedEventLoopGroup {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let code = try await group.next().submit { chaos_enter_network(host.path) }.get()
    guard code == 0 else { throw ChaosError("can't enter the namespace \(host.namespace): \(String(cString: strerror(code)))") }
    return group
  }
}
