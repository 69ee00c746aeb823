import Wire

/// A serving primary's volatile part in the exchange (X), made anew in each epoch. A class, so that its parts may be accessed
/// side by side.
final class PartitionExchange {
  var home: HomeExchange
  var entities: EntityExchange
  /// Rows of requests whose intake is undecided, by its offset.
  var waiting: [Offset: [Row]] = [:]
  /// To be carried out at the end of the step.
  var homeActions: [HomeAction] = []
  var entityActions: [EntityAction] = []

  /// Messages of this burst, to be taken together.
  var inbox: [Contributions] = []
  /// Among those to be settled.
  var isDue = false

  struct Row {
    var request: RequestID
    var index: Int
  }

  init(home: HomeExchange, entities: EntityExchange) {
    self.home = home
    self.entities = entities
  }

  func takeHomeActions() -> [HomeAction] {
    defer { homeActions.removeAll(keepingCapacity: true) }
    return homeActions
  }

  func takeEntityActions() -> [EntityAction] {
    defer { entityActions.removeAll(keepingCapacity: true) }
    return entityActions
  }
}
