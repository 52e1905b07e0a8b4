//! What is encoded decodes, for every size, fill and gap; what can't be encoded is refused.
#![allow(clippy::unwrap_used)]

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::Gf128;
use mihe_okvs::{Fill, Placement, Shape, Unencodable, decode, encode};

fn blocks(label: u128, count: usize) -> Vec<u128> {
    let mut blocks = vec![0; count];
    FixedKeyAes::new(label).stream(0, &mut blocks);
    blocks
}

fn elements(label: u128, count: usize) -> Vec<Gf128> {
    blocks(label, count).into_iter().map(Gf128).collect()
}

#[test]
fn what_is_encoded_decodes() {
    for count in [0, 1, 2, 3, 10, 255, 1000, 40_000, 200_000] {
        let shape = Shape::new(count, 40).unwrap();
        let placed = Placement::new(shape, 5).place(&blocks(1, count));
        let values = elements(2, count);
        let random = elements(3, shape.len());
        for fill in [Fill::Zero, Fill::Random(&random)] {
            let store = encode(&placed, &values, &fill).unwrap();
            assert!(decode(&placed, &store) == values, "{count} keys");
        }
    }
}

#[test]
fn others_may_decode_more_keys_than_were_encoded() {
    let shape = Shape::new(300, 40).unwrap();
    let placement = Placement::new(shape, 5);
    let keys = blocks(1, 5000);
    let placed = placement.place(&keys[..300]);
    let values = elements(2, 300);
    let store = encode(&placed, &values, &Fill::Zero).unwrap();
    let all = placement.place(&keys);
    let decoded = decode(&all, &store);
    let mut by_item = vec![Gf128::ZERO; keys.len()];
    for (&item, &value) in all.items().iter().zip(&decoded) {
        by_item[item as usize] = value;
    }
    for (&item, &value) in placed.items().iter().zip(&values) {
        assert!(by_item[item as usize] == value);
    }
}

/// Small and dense stores have cores often, so that the gap is closed by one, two and three dense columns.
#[test]
fn gaps_are_closed_by_dense_columns() {
    let count = 300;
    for dense in 1..=3 {
        let shape = Shape {
            sparse: 352,
            dense,
            ..Shape::new(count, 40).unwrap()
        };
        let (mut solved, mut refused) = (0, 0);
        let random = elements(3, shape.len());
        for seed in 0..200 {
            let placed = Placement::new(shape, seed).place(&blocks(1, count));
            let values = elements(2, count);
            for fill in [Fill::Zero, Fill::Random(&random)] {
                match encode(&placed, &values, &fill) {
                    Ok(store) => {
                        assert!(decode(&placed, &store) == values);
                        solved += usize::from(
                            store[352..] != random[352..]
                                && store[352..].iter().any(|&d| d != Gf128::ZERO),
                        );
                    }
                    Err(why) => {
                        assert_eq!(why, Unencodable::Core);
                        refused += 1;
                    }
                }
            }
        }
        assert!(
            solved > 0 && refused > 0,
            "{dense}: {solved} solved, {refused} refused"
        );
    }
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let shape = Shape::new(100, 40).unwrap();
    let mut keys = blocks(1, 100);
    keys[99] = keys[0];
    let placed = Placement::new(shape, 5).place(&keys);
    let refused = encode(&placed, &elements(2, 100), &Fill::Zero);
    assert_eq!(refused.err(), Some(Unencodable::Core));
}

#[test]
fn a_cluster_with_too_many_keys_is_refused() {
    let shape = Shape {
        capacity: 99,
        ..Shape::new(100, 40).unwrap()
    };
    let placed = Placement::new(shape, 5).place(&blocks(1, 100));
    let refused = encode(&placed, &elements(2, 100), &Fill::Zero);
    assert_eq!(refused.err(), Some(Unencodable::Overflow));
}

/// Filled at random, the columns that no key determines are those that were given, and the rest looks like them.
#[test]
fn a_filled_store_shows_no_free_column() {
    let count = 1000;
    let shape = Shape::new(count, 40).unwrap();
    let placed = Placement::new(shape, 5).place(&blocks(1, count));
    let zero = encode(&placed, &elements(2, count), &Fill::Zero).unwrap();
    let filled = encode(
        &placed,
        &elements(2, count),
        &Fill::Random(&elements(3, shape.len())),
    )
    .unwrap();
    assert!(zero.iter().filter(|&&column| column == Gf128::ZERO).count() > 200);
    assert!(filled.iter().all(|&column| column != Gf128::ZERO));
    let ones: u32 = filled.iter().map(|column| column.0.count_ones()).sum();
    let bits = 128.0 * shape.len() as f64;
    assert!((f64::from(ones) - bits / 2.0).abs() < 5.0 * (bits / 4.0).sqrt());
}
