//! Both parties of a silent VOLE, message by message.
#![allow(clippy::unwrap_used)]

use mihe_gf128::Gf128;
use mihe_vole::{
    Adversary, Agreed, PublicKeys, Received, Receiver, Refused, Sender, Sent, Stream, silent,
};

const KEYS: PublicKeys = PublicKeys {
    children: [1, 2],
    code: 3,
};

fn agreed(len: usize) -> Agreed {
    Agreed::new([7; 32], len, KEYS, Adversary::SemiHonest).unwrap()
}

struct Play {
    sent: Sent,
    received: Received,
    messages: [Vec<u8>; 3],
}

fn play(len: usize, seeds: [u8; 2]) -> Play {
    let [own, other] = seeds.map(|seed| Stream::from_seed([seed; 32]));
    let (sender, first) = Sender::begin(agreed(len), own);
    let (receiver, second) = Receiver::reply(agreed(len), other, &first).unwrap();
    let (sent, third) = sender.finish(&second).unwrap();
    let received = receiver.finish(&third).unwrap();
    Play {
        sent,
        received,
        messages: [first, second, third],
    }
}

#[test]
fn every_element_is_a_delta_plus_b() {
    for len in [1, 1000, 1 << 14, 40_000, 196_608, 196_609, 600_000] {
        let Play { sent, received, .. } = play(len, [1, 2]);
        assert_eq!(
            (sent.b.len(), received.a.len(), received.c.len()),
            (len, len, len)
        );
        for ((&a, &c), &b) in received.a.iter().zip(&received.c).zip(&sent.b) {
            assert!(c == a * sent.delta + b);
        }
    }
}

#[test]
fn vectors_look_random_and_differ_between_attempts() {
    let (one, two) = (play(20_000, [1, 2]), play(20_000, [3, 4]));
    for vectors in [
        [&one.received.a, &two.received.a],
        [&one.sent.b, &two.sent.b],
    ] {
        let [first, second] = vectors;
        assert!(first.iter().zip(second).all(|(x, y)| x != y));
        let ones: u32 = first.iter().map(|element| element.0.count_ones()).sum();
        let bits = 128.0 * first.len() as f64;
        assert!((f64::from(ones) - bits / 2.0).abs() < 6.0 * (bits / 4.0).sqrt());
        let mut sorted: Vec<u128> = first.iter().map(|element| element.0).collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), first.len());
    }
    assert!(one.sent.delta != two.sent.delta && one.sent.delta != Gf128::ZERO);
}

#[test]
fn messages_have_the_same_lengths_whatever_is_in_them() {
    let lengths = |play: &Play| play.messages.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(
        lengths(&play(150_000, [1, 2])),
        lengths(&play(150_000, [3, 4]))
    );
    assert_eq!(
        lengths(&play(150_000, [1, 2])),
        agreed(150_000).message_bytes()[..3]
    );
    let total: usize = lengths(&play(1 << 20, [1, 2])).iter().sum();
    assert!(total < 430_000, "{total}");
}

#[test]
fn messages_of_other_lengths_are_refused() {
    let stream = || Stream::from_seed([5; 32]);
    let (_, first) = Sender::begin(agreed(1000), stream());
    assert_eq!(
        Receiver::reply(agreed(1000), stream(), &first[1..]).err(),
        Some(Refused::Length("base points"))
    );
    let (receiver, second) = Receiver::reply(agreed(1000), stream(), &first).unwrap();
    let (sender, _) = Sender::begin(agreed(1000), stream());
    assert_eq!(
        sender.finish(&second[..second.len() - 16]).err(),
        Some(Refused::Length("reply"))
    );
    let (sender, _) = Sender::begin(agreed(1000), stream());
    let (_, third) = sender.finish(&second).unwrap();
    assert_eq!(
        receiver.finish(&third[16..]).err(),
        Some(Refused::Length("trees"))
    );
}

#[test]
fn nothing_longer_than_the_caches_is_made_at_once() {
    assert!(Agreed::new([7; 32], silent::MOST + 1, KEYS, Adversary::SemiHonest).is_none());
}
