package logs

// cksum is the checksum that the command of this name prints (POSIX: CRC-32 with the polynomial of Ethernet,
// most significant bit first, the length behind the text).
func cksum(b []byte) uint32 {
	var c uint32
	step := func(x byte) {
		c ^= uint32(x) << 24
		for range 8 {
			if c&0x80000000 != 0 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
	}
	for _, x := range b {
		step(x)
	}
	for n := len(b); n > 0; n >>= 8 {
		step(byte(n))
	}
	return ^c
}
