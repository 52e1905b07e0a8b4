//! All owners in one process, with known secrets.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use mihe_blind_join::{Fault, Journey, Serving, Setup, start};
use mihe_group::list::Refusal;
use mihe_group::secret::AttemptSecret;
use sha2::{Digest, Sha256};

const RUN: [u8; 32] = [9; 32];
const SIZES: [usize; 3] = [16, 8, 12];
const TOKEN: usize = 7;

fn setup(me: usize) -> Setup {
    Setup {
        run: RUN,
        sizes: SIZES.to_vec(),
        me,
        token_bytes: TOKEN,
    }
}

fn keys(from: u32, to: u32) -> Vec<Vec<u8>> {
    (from..to)
        .map(|i| format!("key:{i}").into_bytes())
        .collect()
}

/// Owner `me` with a secret that is known by its place.
fn owner(me: usize, keys: &[Vec<u8>]) -> (Serving, Journey, Vec<u8>) {
    let secret = AttemptSecret::from_bytes([me as u8 + 1; 32]);
    start(secret, setup(me), keys).unwrap()
}

struct Run {
    /// Every list of points in the order in which it was sent, owner after owner.
    sent: Vec<Vec<u8>>,
    tokens: Vec<Vec<u8>>,
    orders: Vec<Vec<i32>>,
}

fn run(sets: [&[Vec<u8>]; 3]) -> Run {
    let mut servings = Vec::new();
    let mut journeys = Vec::new();
    for (me, keys) in sets.into_iter().enumerate() {
        let (serving, journey, points) = owner(me, keys);
        servings.push(serving);
        journeys.push((me, journey, points));
    }
    let mut end = Run {
        sent: vec![],
        tokens: vec![],
        orders: vec![],
    };
    for (me, mut journey, mut points) in journeys {
        let others: Vec<usize> = (0..3).filter(|&other| other != me).collect();
        end.sent.push(points.clone());
        points = servings[others[0]].serve(me, &points).unwrap();
        end.sent.push(points.clone());
        journey = journey.forward(&points).unwrap();
        points = servings[others[1]].serve(me, &points).unwrap();
        end.sent.push(points.clone());
        let (tokens, order) = journey.finish(&points).unwrap();
        end.tokens.push(tokens);
        end.orders.push(order);
    }
    end
}

/// Tokens of the real keys of a list, by index of the key.
fn by_key(run: &Run, of: usize) -> Vec<&[u8]> {
    let mut found: Vec<(i32, &[u8])> = run.orders[of]
        .iter()
        .copied()
        .zip(run.tokens[of].chunks_exact(TOKEN))
        .filter(|(key, _)| *key >= 0)
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, token)| token).collect()
}

#[test]
fn equal_keys_have_equal_tokens_and_no_others_do() {
    let end = run([&keys(0, 13), &keys(6, 14), &keys(10, 20)]);
    let (a, b, c) = (by_key(&end, 0), by_key(&end, 1), by_key(&end, 2));
    assert_eq!(a[6..13], b[..7]);
    assert_eq!(b[4..8], c[..4]);
    let all: HashSet<&[u8]> = end
        .tokens
        .iter()
        .flat_map(|tokens| tokens.chunks_exact(TOKEN))
        .collect();
    // 36 places; 7 keys are in a and b, 4 in b and c, 3 in a and c, 3 of them in all.
    assert_eq!(all.len(), 36 - (7 + 4 + 3) + 3);
}

#[test]
fn the_order_names_every_key_once_and_is_not_that_of_the_keys() {
    let end = run([&keys(0, 13), &[], &keys(0, 12)]);
    let mut order = end.orders[0].clone();
    order.sort_unstable();
    assert_eq!(
        order,
        [-1, -1, -1].into_iter().chain(0..13).collect::<Vec<_>>()
    );
    assert_eq!(end.orders[1], [-1; 8]);
    assert_ne!(end.orders[2], (0..12).collect::<Vec<_>>());
}

/// Frozen on the day the protocol was fixed, and computed there from the specification alone:
/// tests/unit/federated/join/test_wire.py. A change here is a change of the protocol's version.
#[test]
fn the_bytes_are_those_of_version_1() {
    let end = run([&keys(0, 13), &keys(6, 14), &keys(10, 20)]);
    let mut whole = Sha256::new();
    for bytes in end.sent.iter().chain(&end.tokens) {
        whole.update(bytes);
    }
    let digest: String = whole
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        digest,
        "c44f2ae56cd851952575cd029d3454ac1214afdbf13d13dd9755055acc923d04"
    );
}

#[test]
fn every_owner_is_served_once_whatever_it_sends() {
    let (serving, ..) = owner(0, &[]);
    let (.., points) = owner(1, &keys(0, 3));
    let (.., others) = owner(2, &keys(0, 3));
    assert_eq!(
        serving.serve(1, &points[32..]).unwrap_err(),
        Fault::Peer(Refusal::Length {
            expected: 256,
            found: 224
        })
    );
    assert_eq!(serving.serve(1, &points).unwrap_err(), Fault::Served);
    assert!(serving.serve(2, &others).is_ok());
    assert_eq!(serving.serve(2, &others).unwrap_err(), Fault::Served);
    // Its own list is nobody's to ask for.
    assert_eq!(serving.serve(0, &points).unwrap_err(), Fault::Served);
    assert!(matches!(serving.serve(3, &points), Err(Fault::Caller(_))));
}

#[test]
fn no_list_ends_before_every_owner_has_multiplied_it() {
    let points = owner(0, &[]).2;
    assert!(matches!(
        owner(0, &[]).1.finish(&points),
        Err(Fault::Caller(_))
    ));
    let once = owner(0, &[]).1.forward(&points).unwrap();
    assert!(matches!(once.forward(&points), Err(Fault::Caller(_))));
}

#[test]
fn bad_points_are_refused_wherever_they_arrive() {
    let (.., good) = owner(1, &keys(0, 8));
    let mut repeated = good.clone();
    repeated.copy_within(0..32, 96);
    let mut identity = good.clone();
    identity[32..64].fill(0);
    let mut negative = good.clone();
    negative[64] ^= 1;
    for (list, refusal) in [
        (&repeated, Refusal::Repeated(3)),
        (&identity, Refusal::Identity(1)),
        (&negative, Refusal::NotCanonical(2)),
        (
            &good[..255].to_vec(),
            Refusal::Length {
                expected: 256,
                found: 255,
            },
        ),
    ] {
        let refused = Fault::Peer(refusal);
        assert_eq!(owner(0, &[]).0.serve(1, list).unwrap_err(), refused);
        let journey = || owner(1, &keys(0, 8)).1;
        assert_eq!(journey().forward(list).unwrap_err(), refused);
        let last = journey().forward(&good).unwrap();
        assert_eq!(last.finish(list).unwrap_err(), refused);
    }
}

#[test]
fn exchanged_points_make_tokens_that_match_nothing() {
    let end = run([&keys(0, 16), &keys(0, 8), &keys(0, 12)]);
    let honest: HashSet<&[u8]> = end.tokens[1].chunks_exact(TOKEN).collect();
    // Owner 0's list comes back from the last owner with its points in another order.
    let (_, journey, _) = owner(0, &keys(0, 16));
    let mut turned = end.sent[2].clone();
    turned.rotate_left(32);
    let (tokens, _) = journey
        .forward(&end.sent[1])
        .unwrap()
        .finish(&turned)
        .unwrap();
    assert!(
        tokens
            .chunks_exact(TOKEN)
            .all(|token| !honest.contains(token))
    );
}

#[test]
fn a_callers_defects_are_named() {
    let refused = |setup: Setup, keys: &[Vec<u8>]| {
        let secret = AttemptSecret::from_bytes([1; 32]);
        matches!(start(secret, setup, keys), Err(Fault::Caller(_)))
    };
    assert!(!refused(setup(1), &keys(0, 8)));
    assert!(refused(setup(1), &keys(0, 9)));
    assert!(refused(
        setup(1),
        &[b"a".to_vec(), b"b".to_vec(), b"a".to_vec()]
    ));
    assert!(refused(setup(3), &[]));
    for sizes in [vec![], vec![8], vec![8, 0], vec![8, (1 << 20) + 1]] {
        assert!(refused(Setup { sizes, ..setup(0) }, &[]));
    }
    for token_bytes in [0, 33] {
        assert!(refused(
            Setup {
                token_bytes,
                ..setup(0)
            },
            &[]
        ));
    }
}

#[test]
fn nothing_secret_is_printed() {
    let (serving, journey, _) = owner(0, &keys(0, 3));
    assert_eq!(format!("{serving:?}"), "Serving(…)");
    assert_eq!(format!("{journey:?}"), "Journey(…)");
}
