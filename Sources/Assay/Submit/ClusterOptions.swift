import ArgumentParser
import Client
import Logging
import NIOCore
import NIOPosix
import Wire

/// Where the cluster is: a directory that `assay dev up` made, or addresses and certificate files.
struct ClusterOptions: ParsableArguments {
  @Option(
    name: .customLong("cluster"),
    help: ArgumentHelp("A cluster's directory: its client.yaml, and admin.yaml for operators, name coordinators and certificates.", valueName: "DIR"))
  var directory: String?

  @Option(
    name: .customLong("coordinator"),
    help: ArgumentHelp("A coordinator's address; may be given several times.", valueName: "host:port"))
  var coordinators: [String] = []

  @Option(name: .customLong("tls-ca"), help: ArgumentHelp("The cluster's authority (PEM).", valueName: "PATH"))
  var authority: String?

  @Option(name: .customLong("tls-cert"), help: ArgumentHelp("This client's certificate (PEM).", valueName: "PATH"))
  var certificate: String?

  @Option(name: .customLong("tls-key"), help: ArgumentHelp("The certificate's key (PEM).", valueName: "PATH"))
  var key: String?

  func validate() throws {
    guard (directory == nil) != coordinators.isEmpty else {
      throw ValidationError("say where the cluster is: --cluster DIR, or --coordinator host:port")
    }
    let files = [authority, certificate, key].compactMap { $0 }
    guard files.isEmpty || files.count == 3 else {
      throw ValidationError("--tls-ca, --tls-cert and --tls-key are given together, or none of them")
    }
    guard directory == nil || files.isEmpty else {
      throw ValidationError("--cluster brings its own certificates: leave --tls-ca, --tls-cert and --tls-key out")
    }
    for text in coordinators where Endpoint(text) == nil {
      throw ValidationError("--coordinator \(text): write host:port")
    }
  }

  func config() throws(ClientError) -> ClientConfig {
    if let directory { return try ClientConfig(directory: directory) }
    var config = ClientConfig(coordinators: coordinators.compactMap { Endpoint($0) })
    if let authority, let certificate, let key {
      config.tls = TLSFiles(certificate: certificate, key: key, authority: authority)
    }
    return config
  }
}

/// A client on an event loop of its own, for the length of a command.
struct ClusterConnection {
  let client: ClusterClient
  let eventLoop: any EventLoop

  init(_ options: ClusterOptions, name: String) throws(ClientError) {
    let config = try options.config()
    var logger = Logger(label: "assay.\(name)")
    // What a person needs to know is in the command's own words.
    logger.logLevel = .error
    var tls: TLSClientContext?
    if let files = config.tls {
      do {
        tls = try files.clientContext()
      } catch {
        throw ClientError.configuration("\(error)")
      }
    }
    eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    client = ClusterClient(
      ClusterClientOptions(coordinators: config.coordinators, tls: tls, name: name, logger: logger), on: eventLoop)
    client.start()
  }

  func close() { client.close() }
}
