/// The overloads of everything that can be called (langdef, Standard Definitions; the extension libraries' documents).
enum StandardSignatures {
  static let functions: [String: [Signature]] = Signature.table(
    [operators, conversions, collections, mathematics, others].joined(separator: "\n"), areMethods: false)
  static let methods: [String: [Signature]] = Signature.table(
    [collectionMethods, textMethods, times, addresses, optionals].joined(separator: "\n"), areMethods: true)

  private static let operators = """
    _?_:_(bool, A, A) -> A
    !_(bool) -> bool
    -_(int) -> int
    -_(double) -> double
    _==_(A, A) -> bool
    _!=_(A, A) -> bool
    _+_(int, int) -> int
    _+_(uint, uint) -> uint
    _+_(double, double) -> double
    _+_(string, string) -> string
    _+_(bytes, bytes) -> bytes
    _+_(list<A>, list<A>) -> list<A>
    _+_(timestamp, duration) -> timestamp
    _+_(duration, timestamp) -> timestamp
    _+_(duration, duration) -> duration
    _-_(int, int) -> int
    _-_(uint, uint) -> uint
    _-_(double, double) -> double
    _-_(timestamp, timestamp) -> duration
    _-_(timestamp, duration) -> timestamp
    _-_(duration, duration) -> duration
    _*_(int, int) -> int
    _*_(uint, uint) -> uint
    _*_(double, double) -> double
    _/_(int, int) -> int
    _/_(uint, uint) -> uint
    _/_(double, double) -> double
    _%_(int, int) -> int
    _%_(uint, uint) -> uint
    _[_](list<A>, int) -> A
    _[_](map<A, B>, A) -> B
    _[_](optional<list<A>>, int) -> optional<A>
    _[_](optional<map<A, B>>, A) -> optional<B>
    _[?_](list<A>, int) -> optional<A>
    _[?_](map<A, B>, A) -> optional<B>
    _[?_](optional<list<A>>, int) -> optional<A>
    _[?_](optional<map<A, B>>, A) -> optional<B>
    @in(A, list<A>) -> bool
    @in(A, map<A, B>) -> bool
    """ + relations

  /// Of each pair of numeric types, and within the others that have an order.
  private static let relations: String = {
    let numbers = ["int", "uint", "double"]
    var pairs = numbers.flatMap { a in numbers.map { b in "\(a), \(b)" } }
    pairs += ["bool", "string", "bytes", "timestamp", "duration"].map { "\($0), \($0)" }
    return ["_<_", "_<=_", "_>_", "_>=_"].flatMap { name in pairs.map { "\n\(name)(\($0)) -> bool" } }.joined()
  }()

  private static let conversions = """
    dyn(A) -> dyn
    type(A) -> type<A>
    bool(bool) -> bool
    bool(string) -> bool
    bytes(bytes) -> bytes
    bytes(string) -> bytes
    double(double) -> double
    double(int) -> double
    double(uint) -> double
    double(string) -> double
    duration(duration) -> duration
    duration(string) -> duration
    duration(int) -> duration
    int(int) -> int
    int(uint) -> int
    int(double) -> int
    int(string) -> int
    int(timestamp) -> int
    int(duration) -> int
    string(string) -> string
    string(bool) -> string
    string(int) -> string
    string(uint) -> string
    string(double) -> string
    string(bytes) -> string
    string(timestamp) -> string
    string(duration) -> string
    string(ip) -> string
    string(cidr) -> string
    timestamp(timestamp) -> timestamp
    timestamp(string) -> timestamp
    timestamp(int) -> timestamp
    uint(uint) -> uint
    uint(int) -> uint
    uint(double) -> uint
    uint(string) -> uint
    """

  private static let collections = """
    size(string) -> int
    size(bytes) -> int
    size(list<A>) -> int
    size(map<A, B>) -> int
    matches(string, string) -> bool
    """

  private static let mathematics = """
    math.ceil(double) -> double
    math.floor(double) -> double
    math.round(double) -> double
    math.trunc(double) -> double
    math.sqrt(double) -> double
    math.sqrt(int) -> double
    math.sqrt(uint) -> double
    math.abs(int) -> int
    math.abs(uint) -> uint
    math.abs(double) -> double
    math.sign(int) -> int
    math.sign(uint) -> uint
    math.sign(double) -> double
    math.isNaN(double) -> bool
    math.isInf(double) -> bool
    math.isFinite(double) -> bool
    math.bitAnd(int, int) -> int
    math.bitAnd(uint, uint) -> uint
    math.bitOr(int, int) -> int
    math.bitOr(uint, uint) -> uint
    math.bitXor(int, int) -> int
    math.bitXor(uint, uint) -> uint
    math.bitNot(int) -> int
    math.bitNot(uint) -> uint
    math.bitShiftLeft(int, int) -> int
    math.bitShiftLeft(uint, int) -> uint
    math.bitShiftRight(int, int) -> int
    math.bitShiftRight(uint, int) -> uint
    """

  private static let others = """
    strings.quote(string) -> string
    base64.encode(bytes) -> string
    base64.decode(string) -> bytes
    ip(string) -> ip
    ip(ip) -> ip
    isIP(string) -> bool
    ip.isCanonical(string) -> bool
    cidr(string) -> cidr
    cidr(cidr) -> cidr
    isCIDR(string) -> bool
    optional.of(A) -> optional<A>
    optional.ofNonZeroValue(A) -> optional<A>
    optional.none() -> optional<A>
    """

  private static let collectionMethods = """
    size(string) -> int
    size(bytes) -> int
    size(list<A>) -> int
    size(map<A, B>) -> int
    join(list<string>) -> string
    join(list<string>, string) -> string
    """

  private static let textMethods = """
    contains(string, string) -> bool
    endsWith(string, string) -> bool
    startsWith(string, string) -> bool
    matches(string, string) -> bool
    charAt(string, int) -> string
    indexOf(string, string) -> int
    indexOf(string, string, int) -> int
    lastIndexOf(string, string) -> int
    lastIndexOf(string, string, int) -> int
    lowerAscii(string) -> string
    upperAscii(string) -> string
    replace(string, string, string) -> string
    replace(string, string, string, int) -> string
    split(string, string) -> list<string>
    split(string, string, int) -> list<string>
    substring(string, int) -> string
    substring(string, int, int) -> string
    trim(string) -> string
    reverse(string) -> string
    format(string, list<dyn>) -> string
    """

  private static let times: String = {
    let parts = [
      "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes",
      "getMonth", "getSeconds",
    ]
    let ofTimestamps = parts.flatMap { ["\($0)(timestamp) -> int", "\($0)(timestamp, string) -> int"] }
    let ofDurations = ["getHours", "getMinutes", "getSeconds", "getMilliseconds"].map { "\($0)(duration) -> int" }
    return (ofTimestamps + ofDurations).joined(separator: "\n")
  }()

  private static let addresses = """
    family(ip) -> int
    isUnspecified(ip) -> bool
    isLoopback(ip) -> bool
    isGlobalUnicast(ip) -> bool
    isLinkLocalMulticast(ip) -> bool
    isLinkLocalUnicast(ip) -> bool
    containsIP(cidr, ip) -> bool
    containsIP(cidr, string) -> bool
    containsCIDR(cidr, cidr) -> bool
    containsCIDR(cidr, string) -> bool
    ip(cidr) -> ip
    masked(cidr) -> cidr
    prefixLength(cidr) -> int
    """

  private static let optionals = """
    hasValue(optional<A>) -> bool
    value(optional<A>) -> A
    or(optional<A>, optional<A>) -> optional<A>
    orValue(optional<A>, A) -> A
    """
}
