/// 64-bit wyhash, final version 4 (Wang Yi, public domain). Stable: its values are on disk and on the wire.
@inlinable public func hash64(_ bytes: borrowing RawSpan, seed: UInt64) -> UInt64 {
  bytes.withUnsafeBytes { hash64($0, seed: seed) }
}

@inlinable public func hash64(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
  let s0: UInt64 = 0xa076_1d64_78bd_642f
  let s1: UInt64 = 0xe703_7ed1_a0b4_28db
  let s2: UInt64 = 0x8ebc_6af0_9c88_c6e3
  let s3: UInt64 = 0x5899_65cc_7537_4cc3
  let count = bytes.count
  var seed = seed
  seed ^= fold(seed ^ s0, s1)
  let a: UInt64
  let b: UInt64
  if count <= 16 {
    if count >= 4 {
      let step = (count >> 3) << 2
      a = load32(bytes, 0) << 32 | load32(bytes, step)
      b = load32(bytes, count - 4) << 32 | load32(bytes, count - 4 - step)
    } else if count > 0 {
      a = UInt64(bytes[0]) << 16 | UInt64(bytes[count >> 1]) << 8 | UInt64(bytes[count - 1])
      b = 0
    } else {
      a = 0
      b = 0
    }
  } else {
    var rest = count
    var at = 0
    if rest > 48 {
      var see1 = seed
      var see2 = seed
      repeat {
        seed = fold(load64(bytes, at) ^ s1, load64(bytes, at + 8) ^ seed)
        see1 = fold(load64(bytes, at + 16) ^ s2, load64(bytes, at + 24) ^ see1)
        see2 = fold(load64(bytes, at + 32) ^ s3, load64(bytes, at + 40) ^ see2)
        at += 48
        rest -= 48
      } while rest > 48
      seed ^= see1 ^ see2
    }
    while rest > 16 {
      seed = fold(load64(bytes, at) ^ s1, load64(bytes, at + 8) ^ seed)
      at += 16
      rest -= 16
    }
    a = load64(bytes, count - 16)
    b = load64(bytes, count - 8)
  }
  let product = (a ^ s1).multipliedFullWidth(by: b ^ seed)
  return fold(product.low ^ s0 ^ UInt64(count), product.high ^ s1)
}

@inlinable @inline(__always) func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
  let product = a.multipliedFullWidth(by: b)
  return product.low ^ product.high
}

@inlinable @inline(__always) func load64(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt64 {
  UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
}

@inlinable @inline(__always) func load32(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt64 {
  UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
}
