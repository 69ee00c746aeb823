import NIOCore
import Wire

extension WorkerLoop {
  /// Answers an operator's question about an entity; on this loop, once.
  func read(_ request: EntityRequest, _ done: @escaping (Result<EntityAnswer, Failure>) -> Void) {
    switch shard.read(request) {
    case .answer(let answer): done(.success(answer))
    case .failure(let failure): done(.failure(failure))
    case .record(let wanted):
      let carried = Carried(done)
      node.readLog(wanted.partition, containing: wanted.offset, of: wanted.log) { record in
        self.eventLoop.execute {
          switch self.shard.finish(request, wanted, record: record) {
          case .answer(let answer): carried.body(.success(answer))
          case .failure(let failure): carried.body(.failure(failure))
          case .record: carried.body(.failure(Failure(.internal, "the record was read and is asked for again")))
          }
        }
      }
    }
  }
}

/// A closure that is made and called on one event loop, carried through another thread in between.
private struct Carried: @unchecked Sendable {
  let body: (Result<EntityAnswer, Failure>) -> Void
  init(_ body: @escaping (Result<EntityAnswer, Failure>) -> Void) { self.body = body }
}
