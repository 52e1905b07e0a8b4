//! Whole runs of both parties in one process: the right sets, at every edge, and nothing that depends on what it must not.
#![allow(clippy::unwrap_used)]

use mihe_group::secret::AttemptSecret;
use mihe_psi_rr22::{
    Adversary, AwaitReply, Begun, Fault, ItemHash, Items, MayMask, MayTag, Refused, Run, Setup,
};

fn setup(receiver_size: usize, sender_size: usize, both: bool) -> Setup {
    Setup {
        run: [9; 32],
        receiver_size,
        sender_size,
        buckets: 1,
        both,
        against: Adversary::SemiHonest,
    }
}

/// The same where peers that deviate are caught.
fn active(receiver_size: usize, sender_size: usize) -> Setup {
    Setup {
        against: Adversary::Active,
        ..setup(receiver_size, sender_size, true)
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
            Items::gather(&[(blocks, rows)], false).unwrap()
        })
        .collect()
}

fn one_bucket(list: &[Vec<u8>]) -> Items {
    scattered(list, 1).remove(0)
}

struct Played {
    receiver: Vec<u32>,
    sender: Option<Vec<u32>>,
    messages: [Vec<u8>; 8],
}

fn play(setup: Setup, secrets: [u8; 2], of_receiver: &[Vec<u8>], of_sender: &[Vec<u8>]) -> Played {
    play_bucket(
        setup,
        secrets,
        one_bucket(of_receiver),
        one_bucket(of_sender),
    )
}

/// Both parties after the VOLE, and its messages as they arrive: `alter(number, message)`.
fn vole(
    setup: Setup,
    secrets: [u8; 2],
    alter: impl Fn(usize, Vec<u8>) -> Vec<u8>,
) -> Result<(MayMask, MayTag, [Vec<u8>; 5]), Fault> {
    let receiver = Begun::new(secret(secrets[0]), setup)?;
    let (sender, base) = AwaitReply::begin(secret(secrets[1]), setup)?;
    let base = alter(0, base);
    let (receiver, reply) = receiver.reply(&base)?;
    let reply = alter(1, reply);
    if setup.against == Adversary::SemiHonest {
        let (sender, trees) = sender.trees(&reply)?;
        let trees = alter(2, trees);
        let messages = [base, reply, trees, vec![], vec![]];
        return Ok((receiver.finish(&messages[2])?, sender, messages));
    }
    let (sender, trees) = sender.trees_to_check(&reply)?;
    let trees = alter(2, trees);
    let (receiver, challenge) = receiver.challenge(&trees)?;
    let challenge = alter(3, challenge);
    let (sender, answer) = sender.answer(&challenge)?;
    let answer = alter(4, answer);
    let receiver = receiver.check(&answer)?;
    Ok((receiver, sender, [base, reply, trees, challenge, answer]))
}

fn play_bucket(setup: Setup, secrets: [u8; 2], of_receiver: Items, of_sender: Items) -> Played {
    let (receiver, sender, of_vole) = vole(setup, secrets, |_, message| message).unwrap();
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
        messages: [&of_vole[..], &[masked, tags, common]]
            .concat()
            .try_into()
            .unwrap(),
    }
}

#[test]
fn buckets_together_give_what_one_gives() {
    for against in [Adversary::SemiHonest, Adversary::Active] {
        play_buckets(against);
    }
}

fn play_buckets(against: Adversary) {
    let (of_receiver, of_sender) = (items(0..5000), items(2500..4000));
    let run = Run {
        id: [9; 32],
        receiver_size: 5000,
        sender_size: 1500,
        bucket_size: 1024,
        both: true,
        against,
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
        for sizes in [setup(256, 256, true), active(256, 256)] {
            let (mine, theirs) = (items(mine.clone()), items(theirs.clone()));
            let played = play(sizes, [1, 2], &mine, &theirs);
            assert_eq!(played.receiver, common);
            assert_eq!(played.sender.unwrap().len(), common.len());
        }
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
        let masked = &played.messages[5][16..];
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
            let common = &played.messages[7];
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

/// What a message of the VOLE is refused with that was altered on its way, if it is.
fn refused(setup: Setup, number: usize, alter: impl Fn(&mut [u8])) -> Option<Fault> {
    vole(setup, [1, 2], |at, mut message| {
        if at == number {
            alter(&mut message);
        }
        message
    })
    .err()
}

/// Against an active adversary a message with one wrong block is refused; between parties that are taken to follow the protocol it
/// is not, and they end with vectors that do not fit.
#[test]
fn a_wrong_block_in_the_vole_is_noticed_against_an_active_adversary_alone() {
    let lengths = active(256, 256).message_bytes().unwrap();
    let unchecked = setup(256, 256, true);
    let shorter = unchecked.message_bytes().unwrap();
    let wrong = |start: usize, bytes: usize| {
        move |message: &mut [u8]| {
            message[start..][..bytes]
                .iter_mut()
                .for_each(|byte| *byte ^= 1)
        }
    };
    let transfers = Fault::Peer(Refused::Vole(mihe_vole::Refused::Transfers));
    let trees = Fault::Peer(Refused::Vole(mihe_vole::Refused::Trees));
    let proof = 16 * 2 * 129;
    for (number, start, bytes, fault) in [
        // Both sums of two levels of a tree of the extension.
        (1, 32, 64, &transfers),
        // What makes the choices of two trees the same as the others'.
        (1, 32 + 16 * 256, 16, &transfers),
        (1, lengths[1] - proof - 16, 16, &transfers),
        // Both sums of a tree's first level, and what mends its leaves.
        (2, 0, 32, &trees),
        (2, lengths[2] - 16, 16, &trees),
    ] {
        let caught = refused(active(256, 256), number, wrong(start, bytes));
        assert_eq!(caught.as_ref(), Some(fault), "{number} {start}");
        let start = start.min(shorter[number] - 16);
        assert_eq!(refused(unchecked, number, wrong(start, 16)), None);
    }
    for block in [0, 1, 2, 3, 257] {
        let start = lengths[1] - proof + 16 * block;
        let caught = refused(active(256, 256), 1, wrong(start, 1));
        assert_eq!(caught.as_ref(), Some(&transfers), "{block}");
    }
    for (number, start) in [(3, 0), (3, 31), (4, 0), (4, 31)] {
        let caught = refused(active(256, 256), number, wrong(start, 1));
        assert_eq!(caught.as_ref(), Some(&trees), "{number} {start}");
    }
}

#[test]
fn no_check_is_left_out_or_made_that_was_not_agreed_on() {
    let (sender, base) = AwaitReply::begin(secret(2), active(256, 256)).unwrap();
    let receiver = Begun::new(secret(1), active(256, 256)).unwrap();
    let (receiver, reply) = receiver.reply(&base).unwrap();
    assert!(matches!(sender.trees(&reply), Err(Fault::Caller(_))));
    assert!(matches!(receiver.finish(&[]), Err(Fault::Caller(_))));
    let (sender, base) = AwaitReply::begin(secret(2), setup(256, 256, true)).unwrap();
    let receiver = Begun::new(secret(1), setup(256, 256, true)).unwrap();
    let (receiver, reply) = receiver.reply(&base).unwrap();
    assert!(matches!(
        sender.trees_to_check(&reply),
        Err(Fault::Caller(_))
    ));
    assert!(matches!(receiver.challenge(&[]), Err(Fault::Caller(_))));
}

/// A sender that repeats a tag would see by an error whether its item is common.
#[test]
fn a_repeated_tag_is_an_error_between_honest_parties_and_none_against_an_active_adversary() {
    for sizes in [setup(256, 256, true), active(256, 256)] {
        let (receiver, sender, _) = vole(sizes, [1, 2], |_, message| message).unwrap();
        let (receiver, masked) = receiver.mask(one_bucket(&items(0..256))).unwrap();
        let sender = sender.take(one_bucket(&items(0..256))).unwrap();
        let (_, mut tags) = sender.tags(masked.bytes()).unwrap();
        if sizes.against == Adversary::Active {
            tags.copy_within(0..16, 16);
            let (common, told) = receiver.common(&tags).unwrap();
            assert_eq!((common.items, common.rows.len()), (255, 255));
            assert_eq!(told[0], 0b1111_1101);
        } else {
            let all = tags.clone();
            tags.iter_mut()
                .zip(all.chunks(7).flat_map(|_| &all[..7]))
                .for_each(|(to, from)| *to = *from);
            assert!(matches!(
                receiver.common(&tags),
                Err(Fault::Peer(Refused::TagRepeated(_)))
            ));
        }
    }
}

#[test]
fn a_receiver_can_say_less_than_the_truth_and_not_more() {
    let told = |say: fn(&mut Vec<u8>)| {
        let sizes = active(256, 300);
        let (receiver, sender, _) = vole(sizes, [1, 2], |_, message| message).unwrap();
        let (receiver, masked) = receiver.mask(one_bucket(&items(0..100))).unwrap();
        let sender = sender.take(one_bucket(&items(50..300))).unwrap();
        let (sender, tags) = sender.tags(masked.bytes()).unwrap();
        let (_, mut common) = receiver.common(&tags).unwrap();
        say(&mut common);
        sender.common(&common).map(|common| common.items)
    };
    assert_eq!(told(|_| ()), Ok(50));
    let not_proved = Err(Fault::Peer(Refused::NotProved));
    assert_eq!(told(|common| common[38] ^= 1), not_proved);
    for change in [
        // One more, one less than the proof is of.
        (|common| {
            let zero = (0..300).find(|at| common[at / 8] >> (at % 8) & 1 == 0);
            let at = zero.unwrap();
            common[at / 8] |= 1 << (at % 8);
        }) as fn(&mut Vec<u8>),
        |common| {
            let one = (0..300).find(|at| common[at / 8] >> (at % 8) & 1 == 1);
            let at = one.unwrap();
            common[at / 8] &= !(1 << (at % 8));
        },
    ] {
        assert_eq!(told(change), not_proved);
    }
    // Nothing is common: the proof of that is anybody's.
    assert_eq!(
        told(|common| {
            common[..38].fill(0);
            let nothing = proof_of_nothing();
            common[38..].copy_from_slice(&nothing);
        }),
        Ok(0)
    );
}

/// What proves that nothing is common, in the bucket of these tests.
fn proof_of_nothing() -> Vec<u8> {
    let (receiver, sender, _) = vole(active(256, 300), [1, 2], |_, message| message).unwrap();
    let (receiver, masked) = receiver.mask(one_bucket(&[])).unwrap();
    let sender = sender.take(one_bucket(&items(0..300))).unwrap();
    let (_, tags) = sender.tags(masked.bytes()).unwrap();
    receiver.common(&tags).unwrap().1[38..].to_vec()
}
