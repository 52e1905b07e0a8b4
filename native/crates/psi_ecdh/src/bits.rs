//! Numbers of a fixed width in a row, without gaps, least significant bit first (SPEC §3.3).

/// The widest number that is packed.
pub(crate) const WIDEST: u32 = 120;

/// Bytes that `count` numbers of `width` bits take.
pub(crate) fn bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// The numbers, each below 2^`width`, in a row; bits left over in the last byte are zero.
pub(crate) fn pack(numbers: impl IntoIterator<Item = u128>, width: u32) -> Vec<u8> {
    debug_assert!(width <= WIDEST);
    let mut packed = Vec::new();
    // Fewer than 8 bits wait between two numbers, so that 128 hold what is there.
    let (mut held, mut bits) = (0u128, 0);
    for number in numbers {
        held |= number << bits;
        bits += width;
        while bits >= 8 {
            packed.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        packed.push(held as u8);
    }
    packed
}

/// `count` numbers that were packed; `None` if a bit that is left over is not zero. There are [`bytes`] of them.
pub(crate) fn unpack(packed: &[u8], count: usize, width: u32) -> Option<Vec<u128>> {
    debug_assert_eq!(packed.len(), bytes(count, width));
    let mut numbers = Vec::with_capacity(count);
    let (mut held, mut bits) = (0u128, 0);
    for &byte in packed {
        held |= u128::from(byte) << bits;
        bits += 8;
        while bits >= width && numbers.len() < count {
            numbers.push(held & mask(width));
            held >>= width;
            bits -= width;
        }
    }
    (held == 0).then_some(numbers)
}

/// A number whose lowest `width` bits are ones.
pub(crate) fn mask(width: u32) -> u128 {
    (1 << width) - 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        for width in [1, 7, 8, 9, 58, 64, 82, WIDEST] {
            for count in [0usize, 1, 2, 7, 8, 9, 100] {
                let number = |at: usize| (at as u128 + 1).wrapping_mul(u128::MAX / 7) & mask(width);
                let numbers: Vec<u128> = (0..count).map(number).collect();
                let packed = pack(numbers.iter().copied(), width);
                assert_eq!(packed.len(), bytes(count, width));
                assert_eq!(unpack(&packed, count, width), Some(numbers));
            }
        }
    }

    #[test]
    fn the_lowest_bit_comes_first() {
        assert_eq!(pack([1, 0, 1], 1), [0b101]);
        assert_eq!(pack([0b101, 0b011], 3), [0b011_101]);
        assert_eq!(pack([0x1ff, 0], 9), [0xff, 0x01, 0]);
    }

    #[test]
    fn a_bit_left_over_is_refused() {
        let packed = pack([1, 0, 1], 1);
        for bit in 3..8 {
            assert_eq!(unpack(&[packed[0] | 1 << bit], 3, 1), None);
        }
        assert!(unpack(&[0xff, 0x01], 1, 9).is_some());
        assert!(unpack(&[0xff, 0x03], 1, 9).is_none());
    }
}
