import Foundation
import Glibc
import Models
import Wire

/// Where a cluster is and how to prove oneself to it: `client.yaml`, as a cluster's directory has it.
/// ```yaml
/// coordinators: ["127.0.0.1:7400"]
/// ca: ca.pem              # with certificate and key, or none of the three: without TLS
/// certificate: client.pem
/// key: client.key         # paths begin at the file's directory
/// ```
public struct ClientConfig: Sendable, Equatable {
  public static let fileName = "client.yaml"
  public static var coordinatorsMax: Int { 16 }

  public var coordinators: [Endpoint]
  /// nil connects without TLS.
  public var tls: TLSFiles?

  public init(coordinators: [Endpoint], tls: TLSFiles? = nil) {
    self.coordinators = coordinators
    self.tls = tls
  }

  /// Reads the text of the file at `path`, which errors name and paths in it begin at.
  public init(yaml: String, path: String) throws(DefinitionError) {
    let root = try DefinitionNode.parse(yaml: yaml, file: path)
    let entries = try root.mapping(known: ["coordinators", "ca", "certificate", "key"])
    let list = try entries.required("coordinators")
    var coordinators: [Endpoint] = []
    for node in try list.list(countMax: Self.coordinatorsMax) {
      guard let endpoint = Endpoint(try node.text(lengthMax: ClusterLimit.addressLength)) else {
        throw node.error("'\(try node.text)' is no address", suggestion: "Write host:port, such as 10.0.0.1:7400.")
      }
      coordinators.append(endpoint)
    }
    guard !coordinators.isEmpty else { throw list.error("names no coordinator") }
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    func file(_ key: String) throws(DefinitionError) -> String? {
      guard let text = try entries[key]?.text(lengthMax: 4096) else { return nil }
      return text.hasPrefix("/") ? text : "\(directory)/\(text)"
    }
    let given = (try file("ca"), try file("certificate"), try file("key"))
    switch given {
    case (nil, nil, nil): tls = nil
    case (let ca?, let certificate?, let key?): tls = TLSFiles(certificate: certificate, key: key, authority: ca)
    default: throw root.error("`ca`, `certificate` and `key` stand together, or none of them")
    }
    self.coordinators = coordinators
  }

  /// Reads `client.yaml` in a cluster's directory.
  public init(directory: String) throws(ClientError) {
    let path = "\(directory)/\(Self.fileName)"
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .file(path: path, "can't be read: \(systemText(errno)); is this the directory of a cluster (assay dev up)?")
    }
    do {
      try self.init(yaml: String(decoding: data, as: UTF8.self), path: path)
    } catch {
      throw .configuration(error.description)
    }
  }
}
