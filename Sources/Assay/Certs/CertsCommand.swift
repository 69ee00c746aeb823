import ArgumentParser
import Wire

/// `assay certs`.
struct CertsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "certs", abstract: "The cluster's own certificate authority: who may speak as whom.",
    subcommands: [AuthorityCommand.self, IssueCommand.self, ShowCommand.self])

  struct AuthorityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ca", abstract: "Make an authority: DIR/ca.pem, which everybody gets, and DIR/ca.key, which nobody does.")
    @Option(help: ArgumentHelp("Directory of the authority.", valueName: "DIR")) var out: String
    @Option(help: ArgumentHelp("Realm: the cluster, or the group of clusters, that it certifies for.", valueName: "NAME")) var realm =
      "assay"
    @Flag(help: "Replace an authority that exists: all its certificates are worthless then.") var force = false

    func run() async throws {
      try await orOneLine {
        let authority = try CertificateAuthority.create(realm: realm)
        let files = CertificateFiles(directory: out, name: CertificateFiles.authorityName)
        try files.write(certificate: authority.certificate, key: authority.key, replacing: force)
        print("\(files.certificatePath): authority of the realm \(realm), until \(CertificateText.date(authority.info.notAfter))")
        print("\(files.keyPath): its key; keep it off the cluster's hosts")
      }
    }
  }

  struct IssueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "issue", abstract: "Make a certificate and its key for a node, a coordinator, a client or an operator.")
    @Option(help: ArgumentHelp("Directory of the authority.", valueName: "DIR")) var ca: String
    @Option(help: "node, coordinator, client or admin.") var role: Role
    @Option(help: ArgumentHelp("The party's name; a worker's is that in its configuration.", valueName: "NAME")) var name: String
    @Option(
      name: .customLong("host"),
      help: ArgumentHelp("DNS name or address that HTTP clients reach it by; may be repeated.", valueName: "HOST"))
    var hosts: [String] = []
    @Option(help: ArgumentHelp("Directory for NAME.pem and NAME.key.", valueName: "DIR")) var out: String
    @Option(help: ArgumentHelp("How long it is valid, at most as long as the authority.", valueName: "DAYS")) var days = 730
    @Option(help: ArgumentHelp("Realm (default: the authority's).", valueName: "NAME")) var realm: String?
    @Flag(help: "Replace a certificate and key that exist.") var force = false

    enum Role: String, ExpressibleByArgument, CaseIterable { case node, coordinator, client, admin }

    func validate() throws {
      guard LinkIdentity.isName(name), name != CertificateFiles.authorityName else {
        throw ValidationError("--name has 1 to 63 letters, digits, '-', '_' or (not first) '.', and is not 'ca'")
      }
      guard (1...3650).contains(days) else { throw ValidationError("--days is 1 to 3650") }
      if let realm, !LinkIdentity.isName(realm) { throw ValidationError("--realm \(realm): no name") }
    }

    func run() async throws {
      try await orOneLine {
        let files = CertificateFiles(directory: ca, name: CertificateFiles.authorityName)
        let authority = try files.authority()
        guard let realm = realm ?? CertificateText.realm(ofAuthority: authority.info) else {
          throw OneLine("the authority \(authority.info.subject) names no realm: give --realm")
        }
        let subject = SubjectName(realm: realm, role: LinkIdentity.Role(word: role.rawValue)!, name: name)!
        let issued = try authority.issue(subject, hosts: hosts, validDays: days)
        let target = CertificateFiles(directory: out, name: name)
        try target.write(certificate: issued.certificate, key: issued.key, replacing: force)
        print("\(target.certificatePath): \(subject), until \(CertificateText.date(issued.info.notAfter))")
        print("\(target.keyPath): its key")
      }
    }
  }

  struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Say what a certificate file says.")
    @Argument(help: "A PEM file.") var file: String

    func run() async throws {
      try await orOneLine {
        let pem = try CertificateFile.read(file)
        do throws(TLSError) {
          for line in CertificateText.lines(try CertificateInfo(pem: pem)) { print(line) }
        } catch {
          throw OneLine("\(file): \(error)")
        }
      }
    }
  }
}
