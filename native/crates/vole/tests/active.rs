//! A silent VOLE whose parties check each other, message by message.
#![allow(clippy::unwrap_used)]

use mihe_vole::{Adversary, Agreed, PublicKeys, Received, Receiver, Refused, Sender, Sent, Stream};

fn agreed(len: usize) -> Agreed {
    let keys = PublicKeys {
        children: [1, 2],
        code: 3,
    };
    Agreed::new([7; 32], len, keys, Adversary::Active).unwrap()
}

/// What both have in the end, where message `number` arrives as `alter` makes it.
fn play(
    len: usize,
    number: usize,
    alter: impl Fn(&mut Vec<u8>),
) -> Result<(Sent, Received), Refused> {
    let lengths = agreed(len).message_bytes();
    let arrived = |at: usize, mut message: Vec<u8>| {
        assert_eq!(message.len(), lengths[at]);
        if at == number {
            alter(&mut message);
        }
        message
    };
    let [own, other] = [1, 2].map(|seed| Stream::from_seed([seed; 32]));
    let (sender, base) = Sender::begin(agreed(len), own);
    let (receiver, reply) = Receiver::reply(agreed(len), other, &arrived(0, base))?;
    let (sender, trees) = sender.finish_to_answer(&arrived(1, reply))?;
    let receiver = receiver.finish_to_check(&arrived(2, trees))?;
    let (receiver, challenge) = receiver.challenge(0x1234_5678);
    let (sent, answer) = sender.answer(&arrived(3, challenge))?;
    Ok((sent, receiver.check(&arrived(4, answer))?))
}

#[test]
fn every_element_is_a_delta_plus_b() {
    for len in [1, 1000, 1 << 14, 40_000, 1 << 17, 600_000] {
        let (sent, received) = play(len, 5, |_| ()).unwrap();
        assert_eq!([sent.b.len(), received.a.len(), received.c.len()], [len; 3]);
        for ((&a, &c), &b) in received.a.iter().zip(&received.c).zip(&sent.b) {
            assert!(c == a * sent.delta + b);
        }
    }
}

/// Of one level's two sums the receiver takes one: a sender that alters the other is not noticed, one that alters this is, and so
/// it learns one bit of one place of noise if it dares; never more than it has bet on.
#[test]
fn a_wrong_sum_is_noticed_by_who_takes_it() {
    let caught: Vec<bool> = (0..64)
        .map(|block| play(1000, 2, |trees| trees[16 * block] ^= 1).is_err())
        .collect();
    for pair in caught.chunks_exact(2) {
        assert!(pair[0] != pair[1], "{caught:?}");
    }
}

#[test]
fn messages_of_other_lengths_are_refused() {
    for (number, part) in [
        (0, "base points"),
        (1, "reply"),
        (2, "trees"),
        (3, "challenge"),
        (4, "answer"),
    ] {
        for alter in [|m: &mut Vec<u8>| m.push(0), |m: &mut Vec<u8>| m.truncate(3)] {
            let refused = play(1000, number, alter).err();
            assert_eq!(refused, Some(Refused::Length(part)));
        }
    }
}
