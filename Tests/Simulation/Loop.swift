import Dispatch
import NIOCore
import Wire

@testable import Wire

/// An event loop in simulated time. Links that are opened on it go over the simulated network.
final class Loop: EventLoop, LinkFabric, @unchecked Sendable {
  unowned let owner: Process
  private var world: World { World.current }

  init(_ owner: Process) { self.owner = owner }

  var inEventLoop: Bool { !owner.isAlive || world.process === owner && !world.threads.isInThread }
  var now: NIODeadline { .uptimeNanoseconds(world.now) }

  func execute(_ task: @escaping @Sendable () -> Void) { world.at(world.now, owner, task) }

  func submit<T>(_ task: @escaping @Sendable () throws -> T) -> EventLoopFuture<T> {
    let promise = makePromise(of: T.self)
    execute { promise.completeWith(Result { try task() }) }
    return promise.futureResult
  }

  @discardableResult
  func scheduleTask<T>(deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
    let promise = makePromise(of: T.self)
    let event = world.at(deadline.uptimeNanoseconds, owner) { promise.completeWith(Result { try task() }) }
    event.dropped = { promise.fail(EventLoopError.cancelled) }
    return Scheduled(promise: promise) {
      event.body = nil
      event.dropped = nil
    }
  }

  @discardableResult
  func scheduleTask<T>(in delay: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
    scheduleTask(deadline: now + delay, task)
  }

  func connect(_ link: Link, host: String, port: Int) { Cluster.current.network.connect(link, from: self, to: "\(host):\(port)") }

  func preconditionInEventLoop(file: StaticString, line: UInt) {}
  func preconditionNotInEventLoop(file: StaticString, line: UInt) {}
  func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {}
}
