//! The star up to its two-party part, all parties in one process: equal blocks for what all have, and for nothing else.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use mihe_group::secret::AttemptSecret;
use mihe_psi_star::{Fault, Items, Key, Keys, LARGEST, Refused, Setup};

fn setup(contributors: usize) -> Setup {
    Setup {
        run: [9; 32],
        contributors,
    }
}

fn secret(label: usize) -> AttemptSecret {
    AttemptSecret::from_bytes([label as u8; 32])
}

fn items(range: impl Iterator<Item = u32>) -> Vec<Vec<u8>> {
    range
        .map(|number| format!("item {number}").into_bytes())
        .collect()
}

/// What receiver and pivot compare, each as a list of blocks, for contributors with these sets of at most `size` items.
fn play(
    of_receiver: &[Vec<u8>],
    of_pivot: &[Vec<u8>],
    contributors: &[Vec<Vec<u8>>],
    size: usize,
) -> [Vec<[u8; 16]>; 2] {
    let setup = setup(contributors.len());
    let of_receivers = Keys::draw(&secret(100), &setup.run, contributors.len());
    // The key of contributors i < j is drawn by i.
    let drawn: Vec<Keys> = (0..contributors.len())
        .map(|one| Keys::draw(&secret(one), &setup.run, contributors.len() - 1 - one))
        .collect();
    let mut gathering = Items::new(setup, of_pivot).gather();
    for (one, set) in contributors.iter().enumerate() {
        let mut shared: Vec<Key> = vec![of_receivers.as_bytes()[one]];
        shared.extend_from_slice(drawn[one].as_bytes());
        shared.extend((0..one).map(|earlier| drawn[earlier].as_bytes()[one - 1 - earlier]));
        let keys = Keys::from_bytes(&shared).unwrap();
        let store = Items::new(setup, set)
            .store(&secret(one), size, &keys)
            .unwrap();
        assert_eq!(Some(store.len()), setup.store_bytes(size));
        gathering = gathering.add(size, &store).unwrap();
    }
    let own = Items::new(setup, of_receiver)
        .compared(&of_receivers)
        .unwrap();
    [own, gathering.compared().unwrap()].map(|bytes| bytes.as_chunks().0.to_vec())
}

fn common(lists: &[Vec<[u8; 16]>; 2]) -> Vec<usize> {
    let of_pivot: HashSet<_> = lists[1].iter().collect();
    let places = lists[0].iter().enumerate();
    places
        .filter_map(|(place, block)| of_pivot.contains(block).then_some(place))
        .collect()
}

#[test]
fn receiver_and_pivot_agree_on_what_all_have_and_on_nothing_else() {
    for contributors in 1..=6u32 {
        // Contributor i lacks the multiples of i + 2 among 0..1000.
        let sets: Vec<_> = (0..contributors)
            .map(|one| items((0..1000).filter(|number| number % (one + 2) != 0)))
            .collect();
        let lists = play(&items(100..1100), &items((0..700).rev()), &sets, 1024);
        let expected: Vec<usize> = (100..700)
            .filter(|number| (0..contributors).all(|one| number % (one + 2) != 0))
            .map(|number| number as usize - 100)
            .collect();
        assert_eq!(common(&lists), expected);
    }
}

#[test]
fn sets_at_the_edges_are_as_right_as_others() {
    for (of_receiver, of_pivot, of_contributor, number) in [
        (0..0, 0..0, 0..0, 0),
        (0..5, 0..5, 0..0, 0),
        (0..0, 0..5, 0..5, 0),
        (0..1, 0..1, 0..1, 1),
        (0..256, 0..256, 0..256, 256),
        (0..3, 0..4000, 0..256, 3),
        (0..4000, 0..3, 0..256, 3),
        (0..40, 40..80, 0..80, 0),
    ] {
        let [one, other, third] = [of_receiver, of_pivot, of_contributor].map(items);
        assert_eq!(common(&play(&one, &other, &[third], 256)).len(), number);
    }
}

#[test]
fn stores_of_several_clusters_are_read_as_they_were_written() {
    let size = 70_000;
    let lists = play(
        &items(0..70_000),
        &items(35_000..105_000),
        &[items(0..60_000), items(10_000..70_000)],
        size,
    );
    assert_eq!(common(&lists), (35_000..60_000).collect::<Vec<_>>());
}

/// A store tells nothing of its keys: every bit of every column is set as often as not, whether one key is in it or as many
/// as it takes, and no two stores of one set share a column.
#[test]
fn a_store_is_uniform_whatever_is_in_it() {
    let (setup, size) = (setup(1), 4096);
    for count in [0, 1, size as u32] {
        let stores = [1, 2].map(|label| {
            let keys = Keys::draw(&secret(label), &setup.run, 1);
            let items = Items::new(setup, &items(0..count));
            items.store(&secret(label), size, &keys).unwrap()
        });
        for store in &stores {
            let ones: u32 = store.iter().map(|byte| byte.count_ones()).sum();
            let bits = 8.0 * store.len() as f64;
            // Five standard deviations, each half the root of the number of bits.
            assert!((f64::from(ones) - bits / 2.0).abs() < 2.5 * bits.sqrt());
        }
        let [one, other] = stores.each_ref().map(|store| store.as_chunks::<16>().0);
        let seen: HashSet<_> = one.iter().collect();
        assert_eq!(seen.len(), one.len());
        assert!(other.iter().all(|column| !seen.contains(column)));
    }
}

#[test]
fn the_size_is_agreed_and_tells_nothing_of_the_set() {
    let lengths: HashSet<usize> = [0, 1, 300]
        .map(|count| {
            let keys = Keys::draw(&secret(1), &[9; 32], 1);
            let items = Items::new(setup(1), &items(0..count));
            items.store(&secret(1), 300, &keys).unwrap().len()
        })
        .into();
    assert_eq!(lengths.len(), 1);
    let keys = Keys::draw(&secret(1), &[9; 32], 1);
    let refused = Items::new(setup(1), &items(0..301)).store(&secret(1), 300, &keys);
    assert_eq!(refused, Err(Fault::Caller("more items than agreed")));
}

#[test]
fn an_item_that_stands_twice_is_found_out() {
    let keys = Keys::draw(&secret(1), &[9; 32], 1);
    let twice = [items(0..9), items(3..4)].concat();
    let refused = Items::new(setup(1), &twice).store(&secret(1), 256, &keys);
    assert_eq!(refused, Err(Fault::Unencodable));
}

#[test]
fn a_store_of_another_length_is_its_senders_fault() {
    let expected = setup(1).store_bytes(256).unwrap();
    for found in [0, 15, 16, expected - 1, expected + 1, expected + 16] {
        let gathering = Items::new(setup(1), &items(0..5)).gather();
        let refused = gathering.add(256, &vec![0; found]).unwrap_err();
        assert_eq!(refused, Fault::Peer(Refused::Store { expected, found }));
    }
}

#[test]
fn sizes_and_numbers_out_of_range_are_the_callers_fault() {
    for size in [0, LARGEST + 1, usize::MAX] {
        assert_eq!(setup(1).store_bytes(size), None);
    }
    for contributors in [0, 65, usize::MAX] {
        assert_eq!(setup(contributors).store_bytes(256), None);
    }
    let gathering = || Items::new(setup(2), &items(0..5)).gather();
    let store = vec![0; setup(2).store_bytes(256).unwrap()];
    let one = gathering().add(256, &store).unwrap();
    assert!(matches!(one.compared(), Err(Fault::Caller(_))));
    let both = gathering()
        .add(256, &store)
        .unwrap()
        .add(256, &store)
        .unwrap();
    assert!(matches!(both.add(256, &store), Err(Fault::Caller(_))));
    let keys = Keys::draw(&secret(1), &[9; 32], 1);
    let too_few = Items::new(setup(2), &items(0..5)).compared(&keys);
    assert!(matches!(too_few, Err(Fault::Caller(_))));
}
