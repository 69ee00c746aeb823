import NIOHTTP1

/// What one event loop counts of its HTTP requests. Cells are made when a path and a status first meet.
final class HTTPMetrics {
  private struct Key: Hashable {
    let path: String
    let status: Int
  }

  private let registry: MetricsRegistry
  private var requests: [Key: Counter] = [:]
  private let duration: Histogram
  let connections: Gauge
  let refusedConnections: Counter

  init(_ registry: MetricsRegistry) {
    self.registry = registry
    duration = registry.histogram(
      "assay_http_request_duration_seconds", "From a request's last byte to its response being handed to the system.")
    connections = registry.gauge("assay_http_connections", "Open HTTP connections.")
    refusedConnections = registry.counter(
      "assay_http_connections_refused_total", "HTTP connections closed at once because there were too many.")
  }

  /// `path` must be a route's label: the number of series is bounded by routes and statuses.
  func answered(path: String, status: HTTPResponseStatus, nanoseconds: Int64) {
    let key = Key(path: path, status: Int(status.code))
    let counter: Counter
    if let known = requests[key] {
      counter = known
    } else {
      counter = registry.counter(
        "assay_http_requests_total", "HTTP requests answered.", ["path": path, "code": String(status.code)])
      requests[key] = counter
    }
    counter.add()
    duration.observe(UInt64(max(0, nanoseconds)))
  }
}
