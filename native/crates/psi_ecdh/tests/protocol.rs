//! Both parties in one process, with known secrets.
#![allow(clippy::unwrap_used)]

use mihe_group::list::Refusal;
use mihe_group::secret::AttemptSecret;
use mihe_psi_ecdh::{Blinding, Evaluation, Fault, Mode, Refused, Role, Setup, tag_bytes};
use sha2::{Digest, Sha256};

const RUN: [u8; 32] = [9; 32];

fn setup(role: Role, mode: Mode, own_size: usize, peer_size: usize) -> Setup {
    Setup {
        run: RUN,
        role,
        mode,
        own_size,
        peer_size,
    }
}

fn items(from: u32, to: u32) -> Vec<Vec<u8>> {
    (from..to)
        .map(|i| format!("item:{i}").into_bytes())
        .collect()
}

fn blind(seed: u8, setup: Setup, items: &[Vec<u8>]) -> (Blinding, Vec<u8>) {
    Blinding::new(AttemptSecret::from_bytes([seed; 32]), setup, items).unwrap()
}

struct Ended {
    receiver: Evaluation,
    for_receiver: Vec<u8>,
    sender: Evaluation,
    for_sender: Vec<u8>,
}

fn exchange(mode: Mode, x: &[Vec<u8>], y: &[Vec<u8>]) -> Ended {
    let (receiver, blinded) = blind(1, setup(Role::Receiver, mode, 300, 70), x);
    let (sender, points) = blind(2, setup(Role::Sender, mode, 70, 300), y);
    let (sender, for_receiver) = sender.evaluate(&blinded).unwrap();
    let (receiver, for_sender) = receiver.evaluate(&points).unwrap();
    Ended {
        receiver,
        for_receiver,
        sender,
        for_sender,
    }
}

#[test]
fn both_find_the_intersection() {
    let end = exchange(Mode::Intersection, &items(0, 290), &items(250, 320));
    assert_eq!(
        end.receiver.positions(&end.for_receiver).unwrap(),
        (250..290).collect::<Vec<_>>()
    );
    assert_eq!(
        end.sender.positions(&end.for_sender).unwrap(),
        (0..40).collect::<Vec<_>>()
    );
}

#[test]
fn both_find_the_cardinality_and_dummies_never_count() {
    let end = exchange(Mode::Cardinality, &items(0, 10), &items(7, 20));
    assert_eq!(end.receiver.count(&end.for_receiver).unwrap(), 3);
    assert_eq!(end.sender.count(&end.for_sender).unwrap(), 3);
    let empty = exchange(Mode::Cardinality, &[], &[]);
    assert_eq!(empty.receiver.count(&empty.for_receiver).unwrap(), 0);
}

#[test]
fn shuffled_tags_give_no_positions() {
    let end = exchange(Mode::Cardinality, &items(0, 10), &items(0, 10));
    assert!(matches!(
        end.receiver.positions(&end.for_receiver),
        Err(Fault::Caller(_))
    ));
}

#[test]
fn tags_sent_back_to_their_maker_match_nothing() {
    let x = items(0, 70);
    let agreed = |role| setup(role, Mode::Intersection, 70, 70);
    let (_, blinded) = blind(1, agreed(Role::Receiver), &x);
    let (sender, _) = blind(2, agreed(Role::Sender), &x);
    let (sender, for_receiver) = sender.evaluate(&blinded).unwrap();
    assert!(sender.positions(&for_receiver).unwrap().is_empty());
}

#[test]
fn the_same_secret_gives_the_same_bytes_and_another_does_not() {
    let agreed = setup(Role::Receiver, Mode::Intersection, 64, 64);
    let x = items(0, 50);
    assert_eq!(blind(1, agreed, &x).1, blind(1, agreed, &x).1);
    assert_ne!(blind(1, agreed, &x).1, blind(2, agreed, &x).1);
    let other_run = Setup {
        run: [10; 32],
        ..agreed
    };
    assert_ne!(blind(1, agreed, &x).1, blind(1, other_run, &x).1);
}

/// Frozen on the day the protocol was fixed: a change here is a change of the protocol's version.
#[test]
fn the_bytes_on_the_wire_are_those_of_version_1() {
    let end = exchange(Mode::Intersection, &items(0, 290), &items(250, 320));
    let (_, blinded) = blind(
        1,
        setup(Role::Receiver, Mode::Intersection, 300, 70),
        &items(0, 290),
    );
    let mut whole = Sha256::new();
    for bytes in [&blinded, &end.for_receiver, &end.for_sender] {
        whole.update(bytes);
    }
    let digest: String = whole
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        digest,
        "4d92e7cc5853fd1e34616f01f5df33abaf3072d87d362106b355fb63ffe76e9c"
    );
}

#[test]
fn a_callers_defects_are_named() {
    let agreed = setup(Role::Receiver, Mode::Intersection, 4, 4);
    let refused = |agreed, items: &[Vec<u8>]| {
        let secret = AttemptSecret::from_bytes([1; 32]);
        matches!(Blinding::new(secret, agreed, items), Err(Fault::Caller(_)))
    };
    assert!(!refused(agreed, &items(0, 4)));
    assert!(refused(agreed, &items(0, 5)));
    assert!(refused(
        agreed,
        &[b"a".to_vec(), b"b".to_vec(), b"a".to_vec()]
    ));
    assert!(refused(
        Setup {
            own_size: 0,
            ..agreed
        },
        &[]
    ));
    assert!(refused(
        Setup {
            peer_size: (1 << 20) + 1,
            ..agreed
        },
        &[]
    ));
}

#[test]
fn a_peers_bad_points_are_refused() {
    let agreed = setup(Role::Sender, Mode::Intersection, 4, 4);
    let (_, good) = blind(
        1,
        setup(Role::Receiver, Mode::Intersection, 4, 4),
        &items(0, 4),
    );
    let refusal = |points: &[u8]| blind(2, agreed, &[]).0.evaluate(points).unwrap_err();

    let mut repeated = good.clone();
    repeated.copy_within(0..32, 96);
    assert_eq!(
        refusal(&repeated),
        Fault::Peer(Refused::Points(Refusal::Repeated(3)))
    );
    let mut identity = good.clone();
    identity[32..64].fill(0);
    assert_eq!(
        refusal(&identity),
        Fault::Peer(Refused::Points(Refusal::Identity(1)))
    );
    let mut negative = good.clone();
    negative[64] ^= 1;
    assert_eq!(
        refusal(&negative),
        Fault::Peer(Refused::Points(Refusal::NotCanonical(2)))
    );
    assert_eq!(
        refusal(&good[..127]),
        Fault::Peer(Refused::Points(Refusal::Length {
            expected: 128,
            found: 127
        }))
    );
}

#[test]
fn a_peers_bad_tags_are_refused() {
    let length = tag_bytes(300, 70);
    let tags = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut end = exchange(Mode::Intersection, &items(0, 290), &items(250, 320));
        change(&mut end.for_receiver);
        end.receiver.positions(&end.for_receiver)
    };
    assert!(tags(&|_| ()).is_ok());
    assert_eq!(
        tags(&|tags| tags.truncate(tags.len() - 1)).unwrap_err(),
        Fault::Peer(Refused::TagsLength {
            expected: 300 * length,
            found: 300 * length - 1
        })
    );
    assert_eq!(
        tags(&|tags| tags.copy_within(0..length, 5 * length)).unwrap_err(),
        Fault::Peer(Refused::TagRepeated(5))
    );
}
