/// The known word nearest to a mistyped one, for error messages.
package enum Suggestion {
  /// The nearest of `known` by edit distance, nil when none is within a third of its length (at least 2 edits).
  static func nearest(to word: String, among known: [String]) -> String? {
    guard word.utf8.count <= 64 else { return nil }
    var best: (word: String, distance: Int)?
    for candidate in known {
      let distance = editDistance(word, candidate)
      if distance <= max(2, candidate.utf8.count / 3), distance < best?.distance ?? .max {
        best = (candidate, distance)
      }
    }
    return best?.word
  }

  /// `Did you mean 'x'?`, or the whole list where nothing is near.
  package static func sentence(for word: String, among known: [String]) -> String {
    if let nearest = nearest(to: word, among: known) { return "Did you mean '\(nearest)'?" }
    return "Known here: \(known.joined(separator: ", "))."
  }

  /// Levenshtein distance over UTF-8 code units, one row at a time.
  private static func editDistance(_ a: String, _ b: String) -> Int {
    let a = Array(a.utf8)
    let b = Array(b.utf8)
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let substituted = diagonal + (x == y ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
      }
    }
    return row[b.count]
  }
}
