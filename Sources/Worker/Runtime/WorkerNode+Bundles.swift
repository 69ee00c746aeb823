import Models
import Synchronization
import Wire

/// Bundles, from when they are loaded until the coordinator may count on it.
extension WorkerNode {
  /// The coordinator hears of it once every partition that this worker leads has logged that others may decide by it (X6).
  func loaded(_ bundle: Bundle) {
    loadedBundles.add(bundle)
    let left = Mutex(loops.count)
    for loop in loops {
      loop.eventLoop.execute {
        loop.loaded(bundle)
        let isLast = left.withLock { count in
          count -= 1
          return count == 0
        }
        if isLast { self.loadedBundles.report(bundle.id) }
      }
    }
  }

  func isLoaded(_ id: BundleID) -> Bool { loadedBundles[id] != nil }

  var activeBundle: Bundle? { map?.activeBundle.flatMap { loadedBundles[$0] } }

  /// Extra fields that the active bundle's schema declares.
  var extraFields: [ExtraFieldSpec] {
    activeBundle?.schema.fields.map { ExtraFieldSpec(name: $0.name, kind: $0.kind, isRequired: $0.isRequired) } ?? []
  }
}
