import Wire

@testable import Worker

/// States and steps in words, for traces.
extension Model {
  func describe(_ action: Action, in world: World, _ after: World?) -> String {
    func name(_ node: Int) -> String { "\(Fixed.id(node))" }
    let what: String
    var touched: Int?
    switch action {
    case .deliver(let from, let to, let index):
      what = "\(name(to)) receives from \(name(from)): \(messages[queues[world[from: from, to: to]][index]].text)"
      touched = to
    case .learn(let node, let record):
      what = "\(name(node)) is told of the record \(records[record].text)"
      touched = node
    case .sync(let node, let count):
      what = "\(name(node)) has \(count) of \(facts[Int(world[node: node])].pending) writes on its disk"
      touched = node
    case .tick(let node, let follower, let silence):
      let why = ["heartbeat", "heartbeat after some silence", "long silence: removal asked for"][Int(silence.rawValue)]
      what = "\(name(node)) to \(name(follower)): \(why)"
      touched = node
    case .write(let node):
      what = "\(name(node)) takes value \(world[used: .values] + 1)"
      touched = node
    case .crash(let node, let kept, let keepsSent):
      what =
        "\(name(node)) dies with \(kept) of \(facts[Int(world[node: node])].pending) open writes on its disk and starts anew"
        + (keepsSent ? "" : "; what it had sent is lost")
      touched = node
    case .wipe(let node, let keepsSent):
      what = "\(name(node)) comes back with an empty disk" + (keepsSent ? "" : "; what it had sent is lost")
      touched = node
    case .breakLink(let from, let to, let kept):
      what = "the connection from \(name(from)) to \(name(to)) breaks; the first \(kept) messages under way arrive"
      touched = from
    case .undelivered(let node):
      what = "\(name(node)) hears that its proposal could not be delivered"
      touched = node
    case .coordinator(let step): what = "the coordinator \(step.text)"
    }
    guard let after else { return what + "   <--" }
    var effects: [String] = []
    if let touched { effects.append(nodes[after[node: touched]].text) }
    let (old, new) = (records[record(of: world.coordinator)], records[record(of: after.coordinator)])
    if old != new { effects.append("record \(new.text)") }
    if world.history != after.history { effects.append("acknowledged: \(histories[after.history].committed.text)") }
    return what + (effects.isEmpty ? "" : "\n       " + effects.joined(separator: "\n       "))
  }
}

extension Node {
  var text: String {
    var parts = ["\(replica.me) log [\(log.text)], durable \(replica.durableEnd), commit \(replica.commit), seen \(replica.highestEpoch)"]
    switch replica.role {
    case .follower(let matched, _): parts.append("matched \(matched)")
    case .primary(let primary):
      parts.append("primary of \(primary.epoch) by \(primary.view.version)")
      if let proposed = primary.proposed { parts.append("proposes \(proposed)") }
      for follower in primary.followers {
        parts.append("\(follower.node): matched \(follower.matched), next \(follower.next)\(follower.isProbing ? ", probing" : "")")
      }
    }
    if log != disk || !pending.isEmpty { parts.append("on disk [\(disk.text)]") }
    return parts.joined(separator: "; ")
  }
}

extension Input {
  var text: String {
    switch self {
    case .message(let message): message.text
    case .record(let record): "the record \(record.text)"
    case .sync(let count): "the sync of \(count) writes"
    default: "\(self)"
    }
  }
}

extension CoordinatorState.Step {
  var text: String {
    switch self {
    case .arrived(let proposal): "hears \(proposal.text)"
    case .decide(let proposal, let isFit): "decides on \(proposal.text)" + (isFit ? "" : ", of which it has not heard lately")
    case .giveUp(let node, let heir): "takes \(Fixed.id(node)) for dead" + (heir.map { ", \(Fixed.id($0)) may be elected" } ?? "")
    case .elect(let heir): "may elect \(Fixed.id(heir))"
    case .handOver(let heir): "hands over to \(Fixed.id(heir))"
    case .join(let member): "takes in \(member)"
    }
  }
}

extension ISRProposal {
  var text: String { "\(proposer)/\(proposerIncarnation)'s proposal to \(change == .add ? "add" : "remove") \(member) at \(version)" }
}
