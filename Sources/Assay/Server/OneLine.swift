import ArgumentParser
import Foundation

/// Ends the process with one line on standard error that says what happened and what to do.
struct OneLine: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Runs a command's body: whatever it throws becomes one line and a non-zero exit.
func orOneLine<R>(_ body: () async throws -> R) async throws -> R {
  do {
    return try await body()
  } catch let code as ExitCode {
    throw code
  } catch let error as ValidationError {
    throw error
  } catch {
    let line = "\(error)".split(separator: "\n").joined(separator: " ")
    FileHandle.standardError.write(Data("assay: \(line)\n".utf8))
    throw ExitCode(1)
  }
}
