import Testing
import Wire

@testable import Models

@Suite("Card numbers and addresses in text") struct TextTokenTests {
  static func looksLikeCard(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return CardNumberCheck.looksLikeCardNumber(bytes.span.bytes)
  }

  @Test(arguments: [
    "4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005", "3782 822463 10005",
    "6011000990139424", "4222222222222", "6304000000000000000",
  ]) func cardNumbersAreFound(text: String) { #expect(Self.looksLikeCard(text)) }

  @Test(arguments: [
    "", "4111111111111112", "c_4111111111111111", "4111111111111111x", "422222222222", "41111111111111111111",
    "4111  1111 1111 1111", "4111 1111 1111 1111 ", " 4111111111111111", "-4111111111111111",
  ]) func otherTextIsNot(text: String) { #expect(!Self.looksLikeCard(text)) }

  @Test func theLuhnDigitAgreesWithAnotherAlgorithm() {
    /// The check digit by the textbook: from the right, every second digit doubled, digits of the products summed.
    func passes(_ digits: [Int]) -> Bool {
      digits.reversed().enumerated().reduce(0) { sum, item in
        let value = item.offset % 2 == 1 ? item.element * 2 : item.element
        return sum + value / 10 + value % 10
      } % 10 == 0
    }
    var random = SyntheticRandom(seed: 5)
    var found = 0
    for _ in 0..<20_000 {
      let digits = (0..<random.within(11...21)).map { _ in random.below(10) }
      let expected = (13...19).contains(digits.count) && passes(digits)
      if expected { found += 1 }
      #expect(Self.looksLikeCard(digits.map(String.init).joined()) == expected, "\(digits)")
    }
    #expect(found > 500)
  }

  @Test func maskingHidesNumbersAndLeavesTheRest() {
    func masked(_ text: String) -> String {
      var bytes = Array(text.utf8)
      CardNumberCheck.mask(&bytes)
      return String(decoding: bytes, as: UTF8.self)
    }
    #expect(masked("a 4111111111111111 b") == "a **************** b")
    #expect(masked("004111111111111111").contains("411") == false)
    #expect(masked("{\"amount\":12.34,\"time\":1795244400124}") == "{\"amount\":12.34,\"time\":1795244400124}")
    #expect(masked("4111 1111 1111 1111,378282246310005") == "*******************,***************")
  }

  @Test(arguments: [
    ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("192.0.2.1", "192.0.2.1"), ("::", "::"),
    ("::1", "::1"), ("1::", "1::"), ("2001:DB8::8:800:200C:417A", "2001:db8::8:800:200c:417a"),
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("0:0:0:0:0:0:0:1", "::1"), ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
    ("::ffff:192.0.2.1", "192.0.2.1"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
    ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
  ]) func addressesAreReadAndWrittenCanonically(text: String, canonical: String) {
    let bytes = Array(text.utf8)
    var address: [UInt8] = []
    let isAddress = IPAddressText.parse(bytes.span.bytes, into: &address)
    #expect(isAddress)
    let written = IPAddressText.text(address.span.bytes)
    #expect(written == canonical)
  }

  @Test(arguments: [
    "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "1..2.3", ":", ":::", "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "fe80::1%eth0", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "1:",
    ":1", "1:2:3:4:5:6:7:8::", "[::1]", "1.2.3.4:80", "-1.2.3.4",
  ]) func otherTextIsNoAddress(text: String) {
    let bytes = Array(text.utf8)
    var address: [UInt8] = [7]
    let isAddress = IPAddressText.parse(bytes.span.bytes, into: &address)
    #expect(!isAddress)
    #expect(address == [7])
  }
}

@Suite("Text: tokens of entities")
struct TextEntityTokenTests {
  @Test func anAddressIsItsBytesAndEveryOtherTokenItsText() {
    #expect(EntityToken.bytes(of: "11.0.0.7", kind: .ip) == [11, 0, 0, 7])
    #expect(EntityToken.bytes(of: "::ffff:11.0.0.7", kind: .ip) == [11, 0, 0, 7], "both spellings are one entity")
    #expect(EntityToken.bytes(of: "2001:db8::1", kind: .ip)?.count == 16)
    #expect(EntityToken.bytes(of: "11.0.0", kind: .ip) == nil)
    #expect(EntityToken.bytes(of: "11.0.0.7", kind: .terminal) == Array("11.0.0.7".utf8))
    for text in ["11.0.0.7", "2001:db8::1"] {
      let address = EntityToken.bytes(of: text, kind: .ip)!
      let written = EntityToken.text(of: address.span.bytes, kind: .ip)
      #expect(written == text)
    }
    let token = Array("t-1".utf8)
    let written = EntityToken.text(of: token.span.bytes, kind: .terminal)
    #expect(written == "t-1")
  }
}
