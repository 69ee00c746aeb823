import Foundation
import Testing

/// Features over a million random events against pandas, which has windows of its own. Needs a Python with pandas: python3,
/// Debian's, or the one that ASSAY_PYTHON names (`python3 -m venv .build/pandas && .build/pandas/bin/pip install pandas`).
@Suite struct PandasTests {
  private static let python: String? = [
    ProcessInfo.processInfo.environment["ASSAY_PYTHON"], ".build/pandas/bin/python", "python3", "/usr/bin/python3",
  ].compactMap(\.self).first { (try? AssayBinary.run(["-c", "import pandas"], program: $0).status) == 0 }

  @Test(
    "counts, sums, least and largest values are pandas'; means and deviations within 1e-12",
    .enabled(if: python != nil, "there is no Python with pandas: install Debian's python3-pandas, or set ASSAY_PYTHON"))
  func windows() throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../ops/parity/compare-windows").path
    let events = ProcessInfo.processInfo.environment["ASSAY_PANDAS_EVENTS"] ?? "1000000"
    let result = try AssayBinary.run([script, AssayBinary.path, "--events", events], program: Self.python!)
    print(result.output)
    #expect(result.status == 0, "\(result.output)\(result.errors)")
    #expect(!result.output.contains("WRONG") && result.output.contains("terminal: "), "\(result.output)")
  }
}
