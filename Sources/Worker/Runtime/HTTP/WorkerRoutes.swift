import Logging
import NIOCore
import NIOHTTP1

/// The paths of a worker's HTTP port:
/// - `POST /v1/decisions` and `POST /v1/labels`: see `DecisionService`.
/// - `GET /healthz`: 200 while the process runs its event loops.
/// - `GET /readyz`: 200 when the worker takes transactions, 503 with the reason in words otherwise.
/// - `GET /metrics`: all of `registry`, for Prometheus.
public enum WorkerRoutes {
  /// For `HTTPServer.bind`, to be called once on each loop.
  ///
  /// - Parameters:
  ///   - metrics: The loop's own cells.
  ///   - now: The wall clock, milliseconds since the epoch.
  public static func make(
    _ gateway: any DecisionGateway, _ metrics: WorkerMetrics, _ registry: MetricsRegistry,
    logger: Logger = Logger(label: "assay.http"), deadlines: HTTPDeadlines = HTTPDeadlines(), now: @escaping () -> Int64
  ) -> HTTPRouter {
    let router = HTTPRouter()
    let decisions = DecisionService(gateway, metrics, logger: logger, deadlines: deadlines, now: now)
    router.on(.POST, "/v1/decisions") { request, reply in decisions.respond(to: request, reply) }
    let labels = DecisionService(gateway, metrics, logger: logger, deadlines: deadlines, isOfLabels: true, now: now)
    router.on(.POST, "/v1/labels") { request, reply in labels.respond(to: request, reply) }
    router.on(.GET, "/healthz") { _, reply in reply(.text("ok\n")) }
    router.on(.GET, "/readyz") { _, reply in
      switch gateway.isReady {
      case .ready: reply(.text("ready\n"))
      case .notReady(let why): reply(HTTPProblem(.serviceUnavailable, "not_ready", why).response)
      }
    }
    router.on(.GET, "/metrics") { _, reply in
      reply(.text(registry.text(), contentType: MetricsText.contentType))
    }
    return router
  }
}
