//! Whole runs of both parties in one process: the right sets, at every edge, and nothing that depends on what it must not.
#![allow(clippy::unwrap_used)]

use mihe_group::secret::AttemptSecret;
use mihe_psi_rr22::{AwaitReply, Begun, Fault, ItemHash, Items, Refused, Run, Setup};

fn setup(receiver_size: usize, sender_size: usize, both: bool) -> Setup {
    Setup {
        run: [9; 32],
        receiver_size,
        sender_size,
        buckets: 1,
        both,
    }
}

fn secret(label: u8) -> AttemptSecret {
    AttemptSecret::from_bytes([label; 32])
}

fn items(range: core::ops::Range<u32>) -> Vec<Vec<u8>> {
    range
        .map(|number| format!("item {number}").into_bytes())
        .collect()
}

/// The items of each bucket.
fn scattered(list: &[Vec<u8>], buckets: usize) -> Vec<Items> {
    let list: Vec<&[u8]> = list.iter().map(Vec::as_slice).collect();
    let all = ItemHash::new(&[9; 32], &[1; 32], &[2; 32]).scatter(&list, 0, buckets);
    all.starts
        .windows(2)
        .map(|at| {
            let (blocks, rows) = (
                &all.blocks()[16 * at[0]..16 * at[1]],
                &all.rows()[4 * at[0]..4 * at[1]],
            );
            Items::gather(&[(blocks, rows)]).unwrap()
        })
        .collect()
}

fn one_bucket(list: &[Vec<u8>]) -> Items {
    scattered(list, 1).remove(0)
}

struct Played {
    receiver: Vec<u32>,
    sender: Option<Vec<u32>>,
    messages: [Vec<u8>; 6],
}

fn play(setup: Setup, secrets: [u8; 2], of_receiver: &[Vec<u8>], of_sender: &[Vec<u8>]) -> Played {
    play_bucket(
        setup,
        secrets,
        one_bucket(of_receiver),
        one_bucket(of_sender),
    )
}

fn play_bucket(setup: Setup, secrets: [u8; 2], of_receiver: Items, of_sender: Items) -> Played {
    let receiver = Begun::new(secret(secrets[0]), setup).unwrap();
    let (sender, base) = AwaitReply::begin(secret(secrets[1]), setup).unwrap();
    let (receiver, reply) = receiver.reply(&base).unwrap();
    let (sender, trees) = sender.trees(&reply).unwrap();
    let receiver = receiver.finish(&trees).unwrap();
    let (receiver, masked) = receiver.mask(of_receiver).unwrap();
    let masked = masked.bytes().to_vec();
    let (sender, tags) = sender.take(of_sender).unwrap().tags(&masked).unwrap();
    let (found, common) = receiver.common(&tags).unwrap();
    let mut rows = found.rows;
    rows.sort_unstable();
    let learned = setup.both.then(|| {
        let told = sender.common(&common).unwrap();
        assert_eq!(told.items, found.items);
        let mut rows = told.rows;
        rows.sort_unstable();
        rows
    });
    Played {
        receiver: rows,
        sender: learned,
        messages: [base, reply, trees, masked, tags, common],
    }
}

#[test]
fn buckets_together_give_what_one_gives() {
    let (of_receiver, of_sender) = (items(0..5000), items(2500..4000));
    let run = Run {
        id: [9; 32],
        receiver_size: 5000,
        sender_size: 1500,
        bucket_size: 1024,
        both: true,
    };
    let (mut mine, mut theirs) = (vec![], vec![]);
    let sets = scattered(&of_receiver, 5)
        .into_iter()
        .zip(scattered(&of_sender, 5));
    for (number, (one, other)) in sets.enumerate() {
        let setup = run.bucket(number).unwrap();
        let played = play_bucket(setup, [1, 2], one, other);
        let lengths = played.messages.map(|message| message.len());
        assert_eq!(lengths, setup.message_bytes().unwrap());
        mine.extend(played.receiver);
        theirs.extend(played.sender.unwrap());
    }
    mine.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(mine, (2500..4000).collect::<Vec<_>>());
    assert_eq!(theirs, (0..1500).collect::<Vec<_>>());
}

#[test]
fn an_item_in_many_rows_brings_all_of_them() {
    let twice = [items(0..200), items(150..250), items(150..160)].concat();
    let played = play(setup(300, 300, true), [1, 2], &twice, &items(155..158));
    assert_eq!(
        played.receiver,
        [155, 156, 157, 205, 206, 207, 305, 306, 307]
    );
    assert_eq!(played.sender.unwrap(), [0, 1, 2]);
    let played = play(setup(300, 300, true), [1, 2], &items(155..158), &twice);
    assert_eq!(played.receiver, [0, 1, 2]);
    assert_eq!(played.sender.unwrap().len(), 9);
}

#[test]
fn both_learn_the_places_of_what_is_common() {
    for both in [false, true] {
        let played = play(
            setup(3000, 2000, both),
            [1, 2],
            &items(0..3000),
            &items(2500..4500),
        );
        assert_eq!(played.receiver, (2500..3000).collect::<Vec<_>>());
        assert_eq!(played.sender, both.then(|| (0..500).collect()));
    }
}

#[test]
fn sets_at_the_edges_are_as_right_as_others() {
    let none: Vec<u32> = vec![];
    for (mine, theirs, common) in [
        (0..0, 0..0, none.clone()),
        (0..0, 0..100, none.clone()),
        (0..100, 0..0, none.clone()),
        (0..1, 0..1, vec![0]),
        (0..1, 1..2, none),
        (0..256, 0..256, (0..256).collect()),
        (0..256, 255..256, vec![255]),
    ] {
        let played = play(setup(256, 256, true), [1, 2], &items(mine), &items(theirs));
        assert_eq!(played.receiver, common);
        assert_eq!(played.sender.unwrap().len(), common.len());
    }
}

#[test]
fn sizes_may_differ_a_thousandfold() {
    for (mine, theirs) in [(0..40, 0..40_000), (0..40_000, 39_960..40_000)] {
        let common: Vec<u32> = (mine.start.max(theirs.start)..mine.end.min(theirs.end))
            .map(|number| number - mine.start)
            .collect();
        let sizes = setup(mine.len(), theirs.len(), false);
        assert_eq!(
            play(sizes, [1, 2], &items(mine), &items(theirs)).receiver,
            common
        );
    }
}

#[test]
fn lengths_follow_from_the_agreed_sizes_alone() {
    let lengths = |mine, theirs| {
        let played = play(setup(1000, 700, true), [1, 2], &items(mine), &items(theirs));
        played.messages.map(|message| message.len())
    };
    let expected = lengths(0..1000, 0..700);
    assert_eq!(expected, setup(1000, 700, true).message_bytes().unwrap());
    for (mine, theirs) in [(0..0, 0..0), (5..6, 900..1300), (0..1000, 5000..5700)] {
        assert_eq!(lengths(mine, theirs), expected);
    }
}

#[test]
fn two_attempts_of_the_same_sets_have_no_block_in_common() {
    let sets = (items(0..1000), items(500..1500));
    let one = play(setup(1000, 1000, false), [1, 2], &sets.0, &sets.1);
    let two = play(setup(1000, 1000, false), [3, 4], &sets.0, &sets.1);
    assert_eq!(one.receiver, two.receiver);
    for (first, second) in one.messages.iter().zip(&two.messages) {
        let seen: std::collections::HashSet<&[u8]> = first.chunks_exact(10).collect();
        assert!(second.chunks_exact(10).all(|block| !seen.contains(block)));
    }
}

/// What the sender sees must not depend on the receiver's items: the masked store is as uniform for one item as for all.
#[test]
fn the_masked_store_looks_uniform_for_any_set() {
    for count in [0, 1, 5000] {
        let played = play(
            setup(5000, 100, false),
            [1, 2],
            &items(0..count),
            &items(0..100),
        );
        let masked = &played.messages[3][16..];
        let ones: u32 = masked.iter().map(|byte| byte.count_ones()).sum();
        let bits = 8.0 * masked.len() as f64;
        assert!(
            (f64::from(ones) - bits / 2.0).abs() < 5.0 * (bits / 4.0).sqrt(),
            "{count}"
        );
    }
}

/// Tags come in an order that has nothing to do with the items': the common ones stand anywhere.
#[test]
fn the_order_of_tags_is_not_that_of_items() {
    let mut places: Vec<usize> = (0..24)
        .map(|attempt| {
            let played = play(
                setup(256, 256, true),
                [1, 100 + attempt],
                &items(0..1),
                &items(0..256),
            );
            let common = &played.messages[5];
            (0..256)
                .position(|place| common[place / 8] >> (place % 8) & 1 == 1)
                .unwrap()
        })
        .collect();
    let mean = places.iter().sum::<usize>() as f64 / 24.0;
    assert!((67.0..188.0).contains(&mean), "{mean}"); // 127.5 expected, standard deviation 15.1
    places.sort_unstable();
    places.dedup();
    assert!(places.len() > 15);
}

#[test]
fn messages_of_other_lengths_are_refused() {
    let sizes = setup(300, 300, true);
    let begun = || Begun::new(secret(1), sizes).unwrap();
    let some = || one_bucket(&items(0..300));
    let (sender, base) = AwaitReply::begin(secret(2), sizes).unwrap();
    assert!(matches!(
        begun().reply(&base[1..]),
        Err(Fault::Peer(Refused::Vole(_)))
    ));
    let (receiver, reply) = begun().reply(&base).unwrap();
    let (sender, trees) = sender.trees(&reply).unwrap();
    let (receiver, masked) = receiver.finish(&trees).unwrap().mask(some()).unwrap();
    let sender = sender.take(some()).unwrap();
    let refused = sender.tags(&masked.bytes()[16..]).err().unwrap();
    assert!(matches!(
        refused,
        Fault::Peer(Refused::Length {
            message: "masked columns",
            ..
        })
    ));
    let refused = receiver.common(&[0; 10]).err().unwrap();
    assert!(matches!(
        refused,
        Fault::Peer(Refused::Length {
            message: "tags",
            found: 10,
            ..
        })
    ));
}

#[test]
fn a_receiver_that_says_more_than_it_can_have_is_refused() {
    let sizes = setup(256, 300, true);
    for common in [vec![0xff; 38], [vec![0; 37], vec![0x10]].concat()] {
        let (sender, base) = AwaitReply::begin(secret(2), sizes).unwrap();
        let (receiver, reply) = Begun::new(secret(1), sizes).unwrap().reply(&base).unwrap();
        let (sender, trees) = sender.trees(&reply).unwrap();
        let receiver = receiver.finish(&trees).unwrap();
        let (_, masked) = receiver.mask(one_bucket(&items(0..256))).unwrap();
        let sender = sender.take(one_bucket(&items(0..300))).unwrap();
        let (sender, _) = sender.tags(masked.bytes()).unwrap();
        assert_eq!(
            sender.common(&common).err(),
            Some(Fault::Peer(Refused::TooMany))
        );
    }
}

#[test]
fn more_items_than_a_bucket_has_room_for_are_an_overflow() {
    let sizes = setup(10, 10, false);
    let (sender, base) = AwaitReply::begin(secret(2), sizes).unwrap();
    let (receiver, reply) = Begun::new(secret(1), sizes).unwrap().reply(&base).unwrap();
    let (sender, trees) = sender.trees(&reply).unwrap();
    let many = || one_bucket(&items(0..11));
    let receiver = receiver.finish(&trees).unwrap();
    assert_eq!(receiver.mask(many()).err(), Some(Fault::Overflow));
    assert_eq!(sender.take(many()).err(), Some(Fault::Overflow));
}
