/// Reads some fields of a file's records in one pass: the paths to them as one tree of keys. Immutable; allocates nothing when it
/// reads.
final class GeoReader: @unchecked Sendable {
  private struct Node {
    var first = 0
    var count = 0
    /// Which of the fields the value here is, -1 for none.
    var leaf = -1
  }

  /// From a node to one below it.
  private struct Step {
    var keyStart: Int
    var keyCount: Int
    /// In an array; -1 where the key is no number.
    var index: Int
    var node: Int
  }

  let file: GeoFile
  private let kinds: UnsafeMutableBufferPointer<GeoField.Kind>
  private let nodes: UnsafeMutableBufferPointer<Node>
  private let steps: UnsafeMutableBufferPointer<Step>
  private let keys: UnsafeMutableBufferPointer<UInt8>

  /// `fields` by their places in what `read` tells.
  init(_ file: GeoFile, _ fields: [(path: [String], kind: GeoField.Kind)]) {
    self.file = file
    let draft = Draft(fields.map(\.path))
    func kept<T>(_ array: [T]) -> UnsafeMutableBufferPointer<T> {
      let buffer = UnsafeMutableBufferPointer<T>.allocate(capacity: array.count)
      _ = buffer.initialize(from: array)
      return buffer
    }
    kinds = kept(fields.map(\.kind))
    nodes = kept(draft.nodes)
    steps = kept(draft.steps)
    keys = kept(draft.keys)
  }

  deinit {
    kinds.deallocate()
    nodes.deallocate()
    steps.deallocate()
    keys.deallocate()
  }

  /// The fields that the address's record has, in the record's order: those of another type are left out. Nothing for an
  /// address of which the file knows nothing, and for one that is none. `ip` has 4 or 16 bytes in network order.
  @inline(__always) func read(ip: RawSpan, _ body: (_ field: Int, GeoValue) -> Void) {
    let record =
      switch ip.byteCount {
      case 4: file.tree.find(v4: UInt32(bigEndian: ip.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self)))
      case 16:
        file.tree.find(
          high: UInt64(bigEndian: ip.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self)),
          low: UInt64(bigEndian: ip.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self)))
      default: Int?.none
      }
    // The file was read whole when it was opened: what can't be read now, could not be then.
    if let record { try? read(record: record, body) }
  }

  func read(record: Int, _ body: (_ field: Int, GeoValue) -> Void) throws(GeoFault) {
    var budget = GeoData.fieldsMax
    _ = try walk(record, 0, &budget, body)
  }

  /// Answers where the value at `start` ends.
  private func walk(
    _ start: Int, _ number: Int, _ budget: inout Int, _ body: (_ field: Int, GeoValue) -> Void
  ) throws(GeoFault) -> Int {
    let node = nodes[number]
    let data = file.data
    let head = try data.field(at: start)
    let field = try data.target(of: head)
    var end: Int
    switch field.type {
    case .map where node.count > 0:
      end = field.payload
      for _ in 0..<field.size {
        budget -= 1
        guard budget >= 0 else { throw GeoFault(.tooLarge, at: start) }
        let keyHead = try data.field(at: end)
        let key = try data.target(of: keyHead)
        guard key.type == .text else { throw GeoFault(.key, at: end) }
        end = keyHead.type == .pointer ? keyHead.payload : keyHead.payload + keyHead.size
        let next = step(node, data.text(key))
        end = next < 0 ? try data.skip(end, &budget) : try walk(end, next, &budget, body)
      }
    case .array where node.count > 0:
      end = field.payload
      for index in 0..<field.size {
        budget -= 1
        guard budget >= 0 else { throw GeoFault(.tooLarge, at: start) }
        let next = step(node, index)
        end = next < 0 ? try data.skip(end, &budget) : try walk(end, next, &budget, body)
      }
    default:
      if node.leaf >= 0, let value = data.value(field)?.converted(to: kinds[node.leaf]) { body(node.leaf, value) }
      return try data.skip(start, &budget)
    }
    return head.type == .pointer ? head.payload : end
  }

  @inline(__always) private func step(_ node: Node, _ key: UnsafeBufferPointer<UInt8>) -> Int {
    for step in steps[node.first..<node.first + node.count] where step.keyCount == key.count {
      var at = 0
      while at < key.count, key[at] == keys[step.keyStart + at] { at += 1 }
      if at == key.count { return step.node }
    }
    return -1
  }

  private func step(_ node: Node, _ index: Int) -> Int {
    for step in steps[node.first..<node.first + node.count] where step.index == index { return step.node }
    return -1
  }

  /// Lays the tree of keys out breadth first, so that each node's steps lie side by side.
  private struct Draft {
    var nodes = [Node()]
    var steps: [Step] = []
    var keys: [UInt8] = []

    init(_ paths: [[String]]) {
      var open: [(node: Int, depth: Int, paths: [Int])] = [(0, 0, Array(paths.indices))]
      while !open.isEmpty {
        let (node, depth, members) = open.removeFirst()
        for member in members where paths[member].count == depth { nodes[node].leaf = member }
        let longer = members.filter { paths[$0].count > depth }
        nodes[node].first = steps.count
        for key in Set(longer.map { paths[$0][depth] }).sorted() {
          let index = key.utf8.allSatisfy { (48...57).contains($0) } ? Int(key) ?? -1 : -1
          steps.append(Step(keyStart: keys.count, keyCount: key.utf8.count, index: index, node: nodes.count))
          keys += Array(key.utf8)
          open.append((nodes.count, depth + 1, longer.filter { paths[$0][depth] == key }))
          nodes.append(Node())
          nodes[node].count += 1
        }
      }
    }
  }
}
