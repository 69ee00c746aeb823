import Logging
import NIOCore
import Wire

/// Asks the coordinators which cluster they run, and with what settings. Tries until one answers: a worker that starts before its coordinator
/// waits for it.
enum ClusterDiscovery {
  static func map(
    _ coordinators: [HostPort], on loop: any EventLoop, name: String, tls: TLSClientContext?, options: LinkOptions, logger: Logger
  ) async throws -> (map: ClusterMap, isRestoring: Bool) {
    var attempt = 0
    var lastComplaint = ""
    while true {
      let target = coordinators[attempt % coordinators.count]
      let answer = loop.makePromise(of: (map: ClusterMap, isRestoring: Bool).self)
      loop.execute {
        LinkConnector.connect(
          on: loop, host: target.host, port: target.port, tls: tls, expectedRole: .coordinator,
          identity: LinkIdentity(role: .node, name: name, product: Product.nameAndVersion), options: options, delegate: Question(answer))
      }
      do {
        return try await answer.futureResult.get()
      } catch let error as LinkError {
        guard error.isRetriable else { throw error }
        let complaint = "\(error)"
        if complaint != lastComplaint {
          logger.warning("waiting for a coordinator", metadata: ["address": "\(target)", "reason": "\(complaint)"])
          lastComplaint = complaint
        }
      }
      attempt += 1
      try await Task.sleep(for: .milliseconds(min(1_000, 50 << min(attempt / coordinators.count, 4))))
    }
  }

  private final class Question: LinkDelegate {
    private var answer: EventLoopPromise<(map: ClusterMap, isRestoring: Bool)>?
    /// The coordinator's store was restored: its records may be older than what the workers have seen (R2).
    private var isRestoring = false

    init(_ answer: EventLoopPromise<(map: ClusterMap, isRestoring: Bool)>) { self.answer = answer }

    func linkReady(_ link: Link) { link.send(MapRequest(), correlation: 1) }

    func link(_ link: Link, received header: FrameHeader, payload: RawSpan) {
      do throws(WireError) {
        switch header.kind {
        case .recordsRequest:
          isRestoring = true
          return
        case .clusterMap: answer?.succeed((try ClusterMap(reading: payload), isRestoring))
        case .failure: answer?.fail(LinkError.refused(try Failure(reading: payload)))
        // Of no use before the cluster is known, such as a hint at the leader: the next coordinator is asked anyway.
        default: return
        }
      } catch {
        answer?.fail(LinkError.message(header.kind, error))
      }
      answer = nil
      link.close()
    }

    func linkReadComplete(_ link: Link) {}
    func linkWritable(_ link: Link, _ isWritable: Bool) {}

    func linkClosed(_ link: Link, reason: LinkError?) {
      answer?.fail(reason ?? .io("the coordinator closed the link"))
      answer = nil
    }
  }
}
