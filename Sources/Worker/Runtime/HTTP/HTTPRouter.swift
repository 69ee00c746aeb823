import NIOHTTP1

/// Paths and methods of one event loop. Handlers run on that loop and answer there, once, then or later.
public final class HTTPRouter {
  public typealias Handler = (HTTPRequest, HTTPReply) -> Void

  struct Route {
    let path: String
    var handlers: [(HTTPMethod, Handler)]
  }

  enum Match {
    case found(Handler)
    case problem(HTTPProblem)
  }

  private var routes: [String: Route] = [:]

  public init() {}

  /// A route for `GET` answers `HEAD` too.
  public func on(_ method: HTTPMethod, _ path: String, _ handler: @escaping Handler) {
    precondition(path.hasPrefix("/"), "a path starts with a slash")
    routes[path, default: Route(path: path, handlers: [])].handlers.append((method, handler))
  }

  func match(_ method: HTTPMethod, _ path: String) -> Match {
    guard let route = routes[path] else {
      return .problem(HTTPProblem(.notFound, "not_found", "there is nothing at this path; try \(known)"))
    }
    let method = method == .HEAD ? .GET : method
    if let handler = route.handlers.first(where: { $0.0 == method }) { return .found(handler.1) }
    let allowed = route.handlers.flatMap { $0.0 == .GET ? ["GET", "HEAD"] : [$0.0.rawValue] }.joined(separator: ", ")
    var problem = HTTPProblem(.methodNotAllowed, "method_not_allowed", "this path takes \(allowed)")
    problem.allowed = allowed
    return .problem(problem)
  }

  /// The path as a metric's label: a known one, for callers must not be able to make labels.
  func label(_ path: String) -> String { routes[path]?.path ?? "other" }

  private var known: String { routes.keys.sorted().joined(separator: ", ") }
}
