/// Fields that many cluster values share.

extension WireWriter {
  mutating func write(_ id: some RandomIdentifier) {
    write(id.high)
    write(id.low)
  }

  public mutating func write<Value: WireValue>(_ values: [Value]) {
    write(UInt32(values.count))
    for value in values { value.write(to: &self) }
  }

  mutating func write(nodes: [NodeID]) {
    write(UInt32(nodes.count))
    for node in nodes { write(node.rawValue) }
  }

  /// A presence byte, then the value if there is one.
  mutating func write<Value: WireValue>(optional value: Value?) {
    write(value != nil)
    value?.write(to: &self)
  }
}

extension WireReader {
  @_lifetime(self: copy self) mutating func read<ID: RandomIdentifier>(id _: ID.Type) throws(WireError) -> ID {
    ID(high: try read(UInt64.self), low: try read(UInt64.self))
  }

  /// A string of at most `limit` UTF-8 bytes.
  @_lifetime(self: copy self) mutating func readString(limit: Int) throws(WireError) -> String {
    let start = position
    let text = try readString()
    guard text.utf8.count <= limit else { throw WireError.overLimit(at: start, text.utf8.count, limit: limit) }
    return text
  }

  /// At most `limit` values of at least `itemSize` bytes each.
  @_lifetime(self: copy self)
  public mutating func read<Value: WireValue>(_: [Value].Type, itemSize: Int, limit: Int) throws(WireError) -> [Value] {
    let count = try readCount(itemSize: itemSize, limit: limit)
    var values: [Value] = []
    values.reserveCapacity(count)
    for _ in 0..<count { values.append(try Value(from: &self)) }
    return values
  }

  /// At most as many as a cluster has.
  @_lifetime(self: copy self)
  mutating func readNodes() throws(WireError) -> [NodeID] {
    let count = try readCount(itemSize: 4, limit: ClusterLimit.nodes)
    var nodes: [NodeID] = []
    nodes.reserveCapacity(count)
    for _ in 0..<count { nodes.append(NodeID(try read(UInt32.self))) }
    return nodes
  }

  @_lifetime(self: copy self)
  mutating func read<Value: WireValue>(optional _: Value.Type) throws(WireError) -> Value? {
    try readBool() ? try Value(from: &self) : nil
  }

  /// A one-byte code of `Code`; a code this build doesn't know is an error.
  @_lifetime(self: copy self)
  mutating func read<Code: RawRepresentable>(code _: Code.Type) throws(WireError) -> Code where Code.RawValue == UInt8 {
    let start = position
    let raw = try read(UInt8.self)
    guard let code = Code(rawValue: raw) else { throw WireError.invalid(at: start, "\(raw) is no \(Code.self)") }
    return code
  }
}
