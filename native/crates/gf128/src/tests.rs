//! Both ways of multiplying, against the definition and against published vectors.

use super::*;

/// The definition: one bit of a factor at a time.
fn slow(a: Gf128, b: Gf128) -> Gf128 {
    let (mut product, mut shifted) = (0, a.0);
    for bit in 0..128 {
        product ^= if b.0 >> bit & 1 == 1 { shifted } else { 0 };
        shifted = (shifted << 1) ^ (if shifted >> 127 == 1 { 0x87 } else { 0 });
    }
    Gf128(product)
}

/// Elements that reach every corner of carries and reduction, and some without a pattern.
fn samples() -> Vec<Gf128> {
    let mut found = vec![
        0,
        1,
        2,
        0x87,
        u128::MAX,
        1 << 63,
        1 << 64,
        1 << 127,
        u128::MAX >> 1,
    ];
    let mut state = 0x243f_6a88_85a3_08d3_1319_8a2e_0370_7344_u128; // π
    for _ in 0..40 {
        state = state
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            .rotate_left(47)
            ^ 1;
        found.push(state);
    }
    found.into_iter().map(Gf128).collect()
}

fn each_pair(multiply: impl Fn(Gf128, Gf128) -> Gf128) {
    for a in samples() {
        for b in samples() {
            assert_eq!(multiply(a, b).0, slow(a, b).0, "{:x} · {:x}", a.0, b.0);
        }
    }
}

#[test]
fn the_portable_way_is_the_definition() {
    each_pair(portable::multiply);
}

#[test]
fn what_this_processor_does_is_the_definition() {
    each_pair(|a, b| a * b);
}

#[test]
fn slices_are_multiplied_element_by_element() {
    let (a, mut b) = (samples(), samples());
    b.rotate_left(7);
    let expected: Vec<_> = a.iter().zip(&b).map(|(&a, &b)| slow(a, b)).collect();
    let mut fast = a.clone();
    multiply_each(&mut fast, &b);
    assert_eq!(fast, expected);
    let mut plain = a.clone();
    portable::multiply_each(&mut plain, &b);
    assert_eq!(plain, expected);
}

#[test]
fn multiples_are_added() {
    let (terms, factor) = (
        samples(),
        Gf128(0x1234_5678_9abc_def0_0fed_cba9_8765_4321 << 3),
    );
    let expected: Vec<_> = terms
        .iter()
        .map(|&term| Gf128(5) + slow(term, factor))
        .collect();
    for add in [add_multiples, portable::add_multiples] {
        let mut sums = vec![Gf128(5); terms.len()];
        add(&mut sums, &terms, factor);
        assert_eq!(sums, expected);
    }
}

#[test]
fn values_of_a_polynomial_are_added() {
    let points = samples();
    for degree in [0, 1, 3, 5] {
        let coefficients = &points[9..9 + degree];
        let expected: Vec<_> = points
            .iter()
            .map(|&point| {
                let (mut sum, mut power) = (Gf128(5), Gf128::ONE);
                for &coefficient in coefficients {
                    power = slow(power, point);
                    sum += slow(power, coefficient);
                }
                sum
            })
            .collect();
        for add in [add_values, portable::add_values] {
            let mut sums = vec![Gf128(5); points.len()];
            add(&mut sums, &points, coefficients);
            assert_eq!(sums, expected);
        }
    }
}

#[test]
fn an_inverse_undoes() {
    for element in samples()
        .into_iter()
        .filter(|&element| element != Gf128::ZERO)
    {
        assert_eq!(element * element.invert(), Gf128::ONE);
    }
    assert_eq!(Gf128::ZERO.invert(), Gf128::ZERO);
}

/// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test case 2: X1 = C · H and
/// GHASH = (X1 + lengths) · H, in GCM's order of bits.
#[test]
fn a_product_of_gcm_is_the_published_one() {
    let gcm = |value: u128| Gf128(value.reverse_bits());
    let h = gcm(0x66e9_4bd4_ef8a_2c3b_884c_fa59_ca34_2b2e);
    let ciphertext = gcm(0x0388_dace_60b6_a392_f328_c2b9_71b2_fe78);
    let x1 = gcm(0x5e2e_c746_9170_6288_2c85_b068_5353_deb7);
    let ghash = gcm(0xf38c_bb1a_d692_23dc_c345_7ae5_b6b0_f885);
    assert_eq!(ciphertext * h, x1);
    assert_eq!((x1 + gcm(0x80)) * h, ghash);
    assert_eq!(portable::multiply(ciphertext, h), x1);
}

#[test]
fn an_element_is_not_printed() {
    assert_eq!(format!("{:?}", Gf128(7)), "Gf128(…)");
}
