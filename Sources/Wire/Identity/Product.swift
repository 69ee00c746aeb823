/// What this build calls itself, in hellos, logs and `--version`.
public enum Product {
  public static let version = "0.1.0"
  public static let nameAndVersion = "assay \(version)"
}
