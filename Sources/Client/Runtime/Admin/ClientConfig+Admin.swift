import Foundation

extension ClientConfig {
  /// What an operator connects by, in a cluster's directory: `admin.yaml`, of the same form as `client.yaml`.
  public static let adminFileName = "admin.yaml"

  /// Reads a cluster directory's `admin.yaml`, or its `client.yaml` where there is none.
  public static func admin(directory: String) throws(ClientError) -> ClientConfig {
    let path = "\(directory)/\(adminFileName)"
    guard let data = FileManager.default.contents(atPath: path) else { return try ClientConfig(directory: directory) }
    do {
      return try ClientConfig(yaml: String(decoding: data, as: UTF8.self), path: path)
    } catch {
      throw .configuration(error.description)
    }
  }
}
