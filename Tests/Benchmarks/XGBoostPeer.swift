import Foundation

/// The XGBoost package, measured by a script in a Python of the user's.
enum XGBoostPeer {
  /// Prints `SHAPE ROWS NANOSECONDS` a line, medians of five, on one thread.
  private static let script = """
    import sys, time, numpy, xgboost
    features = int(sys.argv[1])
    print("version", xgboost.__version__, 0)
    random = numpy.random.default_rng(1)
    for trees, depth in ((100, 6), (500, 8)):
      x = random.uniform(-1, 1, (20000, features)).astype(numpy.float32)
      y = (numpy.sin(x[:, 0] * 5) + x[:, 1] * x[:, 2] + random.normal(0, .5, len(x)) > 0).astype(numpy.float32)
      parameters = {"max_depth": depth, "objective": "binary:logistic", "nthread": 2, "eta": .05, "min_child_weight": 0, "tree_method": "hist"}
      booster = xgboost.train(parameters, xgboost.DMatrix(x, y), trees)
      booster.set_param({"nthread": 1})
      for rows in (1, 64, 4096):
        count = max(3, (40000 if trees == 100 else 8000) // max(rows, 40))
        times = []
        for _ in range(5):
          start = time.process_time()
          for i in range(count):
            at = i * rows % (len(x) - rows)
            booster.inplace_predict(x[at:at + rows])
          times.append((time.process_time() - start) / (count * rows))
        print(f"{trees}x{depth}", rows, sorted(times)[2] * 1e9)
    """

  static func measure(python: String?, features: Int) -> [Figure] {
    let missing = "  XGBoost package: xgboost not installed: pip install xgboost-cpu (and give --python PATH)"
    guard let output = run(python ?? "python3", features) else {
      print(missing)
      return []
    }
    var figures: [Figure] = []
    for line in output.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 3, let value = Double(words[2]) else { continue }
      if words[0] == "version" {
        print("  beside the XGBoost package \(words[1]): inplace_predict on NumPy rows, one thread, a trained model of the same shape")
      } else {
        figures.append(Figure("xgboost \(words[0]), \(words[1] == "1" ? "one by one" : "\(words[1]) at once")", value, "ns/row", digits: 0))
      }
    }
    if figures.isEmpty { print(missing) }
    return figures
  }

  /// nil when it can't be run or doesn't end well.
  private static func run(_ python: String, _ features: Int) -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python, "-c", script, "\(features)"]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
  }
}
