//! Each step against its definition, or against curve25519-dalek.

use core::arch::x86_64::_mm256_setr_epi64x;

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::scalar::Scalar;

use super::constants::{
    D, D_MINUS_ONE_SQ, D2, INVSQRT_A_MINUS_D, ONE_MINUS_D_SQ, SQRT_AD_MINUS_ONE, SQRT_M1,
};
use super::field::{Constant, Field4, LIMB, LIMBS, SPARE};
use super::point::{Digits, Point4};
use super::*;
use crate::ristretto255::{map_to_group, vartime_decode_one};

/// The little-endian integer as four words, modulo nothing.
type Words = [u64; 4];

const P: Words = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];

fn words(bytes: &[u8; 32]) -> Words {
    let (words, _) = bytes.as_chunks();
    core::array::from_fn(|at| u64::from_le_bytes(words[at]))
}

fn bytes(words: Words) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *chunk = word.to_le_bytes();
    }
    bytes
}

fn less(a: Words, b: Words) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

fn subtract(a: Words, b: Words) -> Words {
    let mut borrow = false;
    core::array::from_fn(|at| {
        let (difference, first) = a[at].overflowing_sub(b[at]);
        let (difference, second) = difference.overflowing_sub(borrow.into());
        borrow = first || second;
        difference
    })
}

/// a + b modulo p, of integers below p.
fn add(a: Words, b: Words) -> Words {
    let mut carry = 0;
    let sum = core::array::from_fn(|at| {
        let sum = u128::from(a[at]) + u128::from(b[at]) + carry;
        carry = sum >> 64;
        sum as u64
    });
    reduced(sum)
}

fn reduced(mut integer: Words) -> Words {
    while !less(integer, P) {
        integer = subtract(integer, P);
    }
    integer
}

/// The definition: one bit of a factor at a time.
fn multiply(a: Words, b: Words) -> Words {
    (0..256).rev().fold([0; 4], |product, bit| {
        let twice = add(product, product);
        let is_set = b[bit / 64] >> (bit % 64) & 1 == 1;
        if is_set { add(twice, a) } else { twice }
    })
}

/// The integer that limbs stand for, modulo p.
fn value(limbs: [u64; LIMBS]) -> Words {
    limbs.iter().rev().fold([0; 4], |sum, &limb| {
        add(multiply(sum, [1 << 29, 0, 0, 0]), [limb, 0, 0, 0])
    })
}

/// Bytes without a pattern, the same in every run.
fn noise<const N: usize>(seed: u64) -> [u8; N] {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x243f_6a88_85a3_08d3;
    core::array::from_fn(|_| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state >> 56) as u8
    })
}

/// Integers below 2^255 that reach every corner of carries and reduction, and some without a pattern.
fn integers() -> Vec<Words> {
    let near = |center: Words| (0..40).map(move |less| subtract(center, [less, 0, 0, 0]));
    let top = u64::MAX >> 1;
    let mut found: Vec<Words> = (0..20).map(|small| [small, 0, 0, 0]).collect();
    found.extend(near([u64::MAX, u64::MAX, u64::MAX, top]));
    found.extend((0..255).step_by(29).map(|bit| {
        let mut words = [0; 4];
        words[bit / 64] = 1 << (bit % 64);
        words
    }));
    found.extend([
        [0, 0, 0, top],
        [u64::MAX, 0, u64::MAX, 0],
        [0, u64::MAX, 0, top],
    ]);
    found.extend((0..24).map(|seed| {
        let mut noise = noise(seed);
        noise[31] &= 0x7f;
        words(&noise)
    }));
    found
}

/// Limbs as long as those of products and of what is carried can be, and longer than products ever have them.
fn longest() -> Vec<[u64; LIMBS]> {
    let full = LIMB as u64 + (1 << 25);
    let mut alternating = [full; LIMBS];
    alternating.iter_mut().step_by(2).for_each(|limb| *limb = 0);
    let mut lowest = [0; LIMBS];
    lowest[0] = full;
    let mut highest = [0; LIMBS];
    highest[LIMBS - 1] = full;
    let spare = SPARE.map(|limb| limb as u64 >> 1);
    vec![
        [full; LIMBS],
        [LIMB as u64; LIMBS],
        alternating,
        lowest,
        highest,
        spare,
    ]
}

#[target_feature(enable = "avx2")]
fn field(integers: [Words; LANES]) -> Field4 {
    let integers = integers.map(bytes);
    Field4::from_bytes(core::array::from_fn(|lane| &integers[lane]))
}

#[target_feature(enable = "avx2")]
fn assert_value(found: Field4, expected: [Words; LANES]) {
    assert_eq!(found.to_bytes().map(|bytes| words(&bytes)), expected);
    assert_eq!(found.carried().to_bytes(), found.to_bytes());
    let packed = found.carried().packed().unpacked();
    assert_eq!(packed.to_bytes(), found.to_bytes());
}

/// All operations on two times four integers, of which `a` and `b` are the values.
#[target_feature(enable = "avx2")]
fn check_operations(one: &Field4, other: &Field4, a: [Words; LANES], b: [Words; LANES]) {
    let each = |operation: fn(Words, Words) -> Words| {
        core::array::from_fn(|lane| operation(a[lane], b[lane]))
    };
    let minus = |a, b| add(a, reduced(subtract(P, b)));
    assert_value(one.plus(other), each(add));
    assert_value(one.minus(other), each(minus));
    assert_value(other.negated(), b.map(|b| minus([0; 4], b)));
    assert_value(one.times(other), each(multiply));
    assert_value(one.square(), a.map(|a| multiply(a, a)));
    // Sums and differences as the formulas have them: as long as limbs ever are.
    let sum = one.plus(other);
    let twice = |a, b| multiply(add(a, b), add(a, b));
    assert_value(sum.square(), each(twice));
    assert_value(
        one.minus(other).times(&sum),
        each(|a, b| multiply(add(a, reduced(subtract(P, b))), add(a, b))),
    );
    assert_eq!(one.is_zero().lanes(), a.map(|a| a == [0; 4]));
    assert_eq!(one.is_negative().lanes(), a.map(|a| a[0] & 1 == 1));
    let equal: [bool; LANES] = core::array::from_fn(|lane| a[lane] == b[lane]);
    assert_eq!(one.equals(other).lanes(), equal);
    let chosen = core::array::from_fn(|lane| if equal[lane] { [0; 4] } else { a[lane] });
    assert_value(one.or_where(one.equals(other), &Field4::zero()), chosen);
}

/// Runs what needs AVX2, where it is.
fn with_avx2(test: unsafe fn()) {
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the instructions are there.
        unsafe { test() }
    }
}

#[test]
fn integers_are_those_of_the_definition() {
    #[target_feature(enable = "avx2")]
    fn test() {
        let integers = integers();
        for (at, &integer) in integers.iter().enumerate() {
            let pick = |skip: usize| integers[(at + skip) % integers.len()];
            let (one, other) = (
                [integer, pick(1), pick(40), pick(70)],
                [pick(7), pick(1), pick(33), pick(90)],
            );
            check_operations(
                &field(one),
                &field(other),
                one.map(reduced),
                other.map(reduced),
            );
        }
    }
    with_avx2(test);
}

#[test]
fn limbs_may_be_as_long_as_they_get() {
    #[target_feature(enable = "avx2")]
    fn test() {
        let samples = longest();
        for &one in &samples {
            for &other in &samples {
                let lanes = [one, other, [0; LIMBS], one];
                let others = [other, one, other, one];
                check_operations(
                    &with_limbs(lanes),
                    &with_limbs(others),
                    lanes.map(value),
                    others.map(value),
                );
            }
        }
    }
    with_avx2(test);
}

#[target_feature(enable = "avx2")]
fn with_limbs(lanes: [[u64; LIMBS]; LANES]) -> Field4 {
    let [a, b, c, d] = lanes.map(|limbs| limbs.map(|limb| limb as i64));
    Field4::of_carried(core::array::from_fn(|at| {
        _mm256_setr_epi64x(a[at], b[at], c[at], d[at])
    }))
}

#[test]
fn powers_invert_and_take_roots() {
    #[target_feature(enable = "avx2")]
    fn test() {
        for four in integers().as_chunks::<LANES>().0 {
            let integers = field(*four);
            let product = integers.inverse().times(&integers);
            let zero = four.map(|integer| reduced(integer) == [0; 4]);
            assert_value(product, zero.map(|zero| [u64::from(!zero), 0, 0, 0]));
            // ((p − 5)/8) · 8 + 4 = p − 1.
            let power = integers.power_for_root().square().square().square();
            let product = power.times(&integers.square().square());
            assert_value(product, zero.map(|zero| [u64::from(!zero), 0, 0, 0]));
        }
    }
    with_avx2(test);
}

#[test]
fn constants_are_what_they_are_called() {
    #[target_feature(enable = "avx2")]
    fn test() {
        let of = |constant: &Constant| value(constant.map(u64::from));
        let (zero, one) = ([0; 4], [1, 0, 0, 0]);
        let d = of(&D);
        let minus_one = subtract(P, one);
        let minus_d = subtract(P, d);
        let square = |constant| multiply(of(constant), of(constant));
        let scaled = multiply(d, [121_666, 0, 0, 0]);
        assert_eq!(add(scaled, [121_665, 0, 0, 0]), zero);
        assert_eq!(of(&D2), add(d, d));
        assert_eq!(square(&SQRT_M1), minus_one);
        assert_eq!(square(&SQRT_AD_MINUS_ONE), add(minus_d, minus_one));
        let ratio = multiply(square(&INVSQRT_A_MINUS_D), add(minus_d, minus_one));
        assert_eq!(ratio, one);
        assert_eq!(add(of(&ONE_MINUS_D_SQ), multiply(d, d)), one);
        let d_minus_one = add(d, minus_one);
        assert_eq!(of(&D_MINUS_ONE_SQ), multiply(d_minus_one, d_minus_one));
    }
    with_avx2(test);
}

/// Scalars that reach every digit, their edges included.
fn scalars() -> Vec<Scalar> {
    let mut found: Vec<Scalar> = (1..=17u64).map(Scalar::from).collect();
    found.extend([
        -Scalar::ONE,
        -Scalar::from(2u64),
        Scalar::from(8u64).invert(),
    ]);
    found.push(Scalar::from_bytes_mod_order([0x88; 32]));
    found.push(Scalar::from_bytes_mod_order([0x77; 32]));
    found.extend((0..8).map(|seed| Scalar::from_bytes_mod_order_wide(&noise(seed))));
    found
}

#[test]
fn digits_are_the_scalar() {
    for scalar in scalars() {
        let digits = Digits::of(scalar.as_bytes());
        let sum = digits.0.iter().rev().fold(Scalar::ZERO, |sum, &digit| {
            assert!((-8..=8).contains(&digit));
            let magnitude = Scalar::from(digit.unsigned_abs());
            let digit = if digit < 0 { -magnitude } else { magnitude };
            sum * Scalar::from(16u8) + digit
        });
        assert_eq!(sum, scalar);
    }
}

/// Uniform bytes whose halves are noise, or edges of the field.
fn uniform() -> Vec<[u8; 64]> {
    let mut found: Vec<[u8; 64]> = (0..41).map(noise).collect();
    let edges = integers();
    for (at, &edge) in edges.iter().enumerate() {
        let mut halves = [0; 64];
        halves[..32].copy_from_slice(&bytes(edge));
        halves[32..].copy_from_slice(&bytes(edges[at * at % edges.len()]));
        // Bit 255 is ignored.
        halves[63] |= (at as u8) << 7;
        found.push(halves);
    }
    found
}

/// Half of the scalar 1: multiplication by it encodes.
fn half() -> Scalar {
    Scalar::ONE.div_by_2()
}

#[test]
fn maps_are_those_of_dalek() {
    let Some(unit) = Unit::detect() else { return };
    for uniform in uniform().chunks(50) {
        let expected: Vec<Encoded> = uniform
            .iter()
            .map(|bytes| map_to_group(bytes).compress().to_bytes())
            .collect();
        let found = unit.map_each(uniform).multiply(half().as_bytes());
        assert_eq!(found, expected);
    }
}

#[test]
fn multiples_are_those_of_dalek() {
    let Some(unit) = Unit::detect() else { return };
    let uniform: Vec<[u8; 64]> = (0..5).map(noise).collect();
    let elements = unit.map_each(&uniform);
    for scalar in scalars() {
        let expected: Vec<Encoded> = uniform
            .iter()
            .map(|bytes| (map_to_group(bytes) * scalar).compress().to_bytes())
            .collect();
        assert_eq!(elements.multiply(scalar.div_by_2().as_bytes()), expected);
    }
}

#[test]
fn encodings_are_taken_as_dalek_takes_them() {
    let Some(unit) = Unit::detect() else { return };
    let mut encodings: Vec<Encoded> = integers().into_iter().map(bytes).collect();
    encodings.extend((0..200).map(noise));
    encodings.extend((0..200).map(|seed| {
        let mut small: Encoded = noise(seed);
        small[0] &= 0xfe;
        small[31] &= 0x7f;
        small
    }));
    encodings.extend((0..20).map(|seed| map_to_group(&noise(seed)).compress().to_bytes()));
    let mut taken = Vec::new();
    for encoding in encodings {
        let refusal = unit.vartime_decode(&[encoding]).err();
        let expected = vartime_decode_one(&encoding).err();
        assert_eq!(refusal, expected.map(|malformed| (0, malformed)));
        if refusal.is_none() {
            taken.push(encoding);
        }
    }
    // A quarter of what is canonical, and what was encoded.
    assert!(taken.len() > 60);
    let elements = unit.vartime_decode(&taken).ok();
    let encoded = elements.map(|elements| elements.multiply(half().as_bytes()));
    assert_eq!(encoded.as_ref(), Some(&taken));
    // Wherever it is, what is refused is found.
    for (at, bad, malformed) in [
        (0, [0; 32], Malformed::Identity),
        (5, [0xff; 32], Malformed::NotCanonical),
        (taken.len() - 1, [1; 32], Malformed::NotCanonical),
    ] {
        let mut list = taken.clone();
        list[at] = bad;
        assert_eq!(unit.vartime_decode(&list).err(), Some((at, malformed)));
    }
}

#[test]
fn an_identity_does_not_touch_its_neighbours() {
    #[target_feature(enable = "avx2")]
    fn test() {
        let element = map_to_group(&noise(1));
        let encoded = element.compress().to_bytes();
        let (_, points) = element::decode([&encoded, &[0; 32], &encoded, &encoded]);
        let others: Vec<Point4> = vec![points; 3];
        let twice = (element + element).compress();
        let expected = [twice, CompressedRistretto([0; 32]), twice, twice];
        for encodings in element::encode_doubles(&others) {
            assert_eq!(encodings.map(CompressedRistretto), expected);
        }
    }
    with_avx2(test);
}
