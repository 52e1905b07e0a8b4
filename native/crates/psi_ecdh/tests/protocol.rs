//! Both parties in one process, with known secrets.
#![allow(clippy::unwrap_used)]

use mihe_group::list::Refusal;
use mihe_group::secret::AttemptSecret;
use mihe_psi_ecdh::{
    Blinding, Evaluation, Fault, Mode, Refused, Ristretto255Sha512, Role, Setup, Sm2Sm3, Suite,
};
use sha2::{Digest, Sha256};

const RUN: [u8; 32] = [9; 32];

const fn setup(mode: Mode, receiver_size: usize, sender_size: usize) -> Setup {
    Setup {
        run: RUN,
        mode,
        receiver_size,
        sender_size,
    }
}

fn items(from: u32, to: u32) -> Vec<Vec<u8>> {
    (from..to)
        .map(|i| format!("item:{i}").into_bytes())
        .collect()
}

fn blind<S: Suite>(
    seed: u8,
    setup: Setup,
    role: Role,
    items: &[Vec<u8>],
) -> (Blinding<S>, Vec<u8>) {
    Blinding::new(AttemptSecret::from_bytes([seed; 32]), setup, role, items).unwrap()
}

/// The two parties before the last step of the receiver, and what it is sent.
struct Exchanged<S: Suite> {
    blinded: Vec<u8>,
    receiver: Blinding<S>,
    sender: Evaluation<S>,
    points: Vec<u8>,
    tags: Vec<u8>,
}

fn exchange<S: Suite>(mode: Mode, x: &[Vec<u8>], y: &[Vec<u8>]) -> Exchanged<S> {
    let agreed = setup(mode, 300, 70);
    let (receiver, blinded) = blind(1, agreed, Role::Receiver, x);
    let (sender, points) = blind(2, agreed, Role::Sender, y);
    let (sender, tags) = sender.evaluate(&blinded).unwrap();
    assert_eq!(
        [blinded.len(), tags.len(), points.len()],
        agreed.message_bytes()[..3]
    );
    Exchanged {
        blinded,
        receiver,
        sender,
        points,
        tags,
    }
}

#[test]
fn both_find_the_intersection() {
    find_the_intersection::<Ristretto255Sha512>();
    find_the_intersection::<Sm2Sm3>();
}

fn find_the_intersection<S: Suite>() {
    let end = exchange::<S>(Mode::Intersection, &items(0, 290), &items(250, 320));
    let (found, matched) = end.receiver.positions(&end.points, &end.tags).unwrap();
    assert_eq!(found, (250..290).collect::<Vec<_>>());
    assert_eq!(
        end.sender.positions(&matched).unwrap(),
        (0..40).collect::<Vec<_>>()
    );
}

#[test]
fn both_find_the_cardinality_and_dummies_never_count() {
    find_the_cardinality::<Ristretto255Sha512>();
    find_the_cardinality::<Sm2Sm3>();
}

fn find_the_cardinality<S: Suite>() {
    for (x, y, common) in [
        (items(0, 10), items(7, 20), 3),
        (items(0, 300), items(230, 300), 70),
        (items(0, 0), items(0, 0), 0),
    ] {
        let end = exchange::<S>(Mode::Cardinality, &x, &y);
        let (found, matched) = end.receiver.count(&end.points, &end.tags).unwrap();
        assert_eq!(found, common);
        assert_eq!(end.sender.count(&matched).unwrap(), common);
    }
}

#[test]
fn what_is_told_has_one_length() {
    for mode in [Mode::Intersection, Mode::Cardinality] {
        for (x, y) in [(items(0, 0), items(0, 0)), (items(0, 300), items(0, 70))] {
            let end = exchange::<Ristretto255Sha512>(mode, &x, &y);
            let told = match mode {
                Mode::Intersection => end.receiver.positions(&end.points, &end.tags).unwrap().1,
                Mode::Cardinality => end.receiver.count(&end.points, &end.tags).unwrap().1,
            };
            assert_eq!(told.len(), setup(mode, 300, 70).message_bytes()[3]);
        }
    }
}

#[test]
fn bytes_are_those_of_the_specification() {
    // 300 · 70 is below 2^15: 57 bits a tag. 301 needs 9 bits.
    let intersection = setup(Mode::Intersection, 300, 70);
    assert_eq!(
        intersection.message_bytes(),
        [9600, 2138, 2240, (70 * 9usize).div_ceil(8) + 32]
    );
    let cardinality = setup(Mode::Cardinality, 300, 70);
    assert_eq!(cardinality.message_bytes(), [9600, 2138, 2240, 38 + 32]);
}

#[test]
fn a_step_of_the_other_mode_is_the_callers_defect() {
    let end = exchange::<Ristretto255Sha512>(Mode::Cardinality, &items(0, 10), &items(0, 10));
    let refused = end.receiver.positions(&end.points, &end.tags);
    assert!(matches!(refused, Err(Fault::Caller(_))));
    let end = exchange::<Ristretto255Sha512>(Mode::Intersection, &items(0, 10), &items(0, 10));
    assert!(matches!(end.sender.count(&[]), Err(Fault::Caller(_))));
    let refused = end.receiver.count(&end.points, &end.tags);
    assert!(matches!(refused, Err(Fault::Caller(_))));
}

#[test]
fn the_same_secret_gives_the_same_bytes_and_another_does_not() {
    let agreed = setup(Mode::Intersection, 64, 64);
    let x = items(0, 50);
    let points = |seed, agreed| blind::<Ristretto255Sha512>(seed, agreed, Role::Receiver, &x).1;
    assert_eq!(points(1, agreed), points(1, agreed));
    assert_ne!(points(1, agreed), points(2, agreed));
    let other_run = Setup {
        run: [10; 32],
        ..agreed
    };
    assert_ne!(points(1, agreed), points(1, other_run));
}

/// Frozen on the day the protocol was fixed: a change here is a change of the protocol's version.
#[test]
fn the_bytes_on_the_wire_are_those_of_version_1() {
    assert_eq!(
        everything_sent::<Ristretto255Sha512>(),
        "e30904481302ab4abef6ca263d313b952c4b834daa5e92a9a56f1706c2693705"
    );
    assert_eq!(
        everything_sent::<Sm2Sm3>(),
        "807e430c6ec18e0bccc7269fd4eb53248d59535c81822b8d0eec61495494ccbd"
    );
}

fn everything_sent<S: Suite>() -> String {
    let mut whole = Sha256::new();
    for mode in [Mode::Intersection, Mode::Cardinality] {
        let end = exchange::<S>(mode, &items(0, 290), &items(250, 320));
        let matched = match mode {
            Mode::Intersection => end.receiver.positions(&end.points, &end.tags).unwrap().1,
            Mode::Cardinality => end.receiver.count(&end.points, &end.tags).unwrap().1,
        };
        for bytes in [&end.blinded, &end.tags, &end.points, &matched] {
            whole.update(bytes);
        }
    }
    let digest = whole.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_callers_defects_are_named() {
    let agreed = setup(Mode::Intersection, 4, 4);
    let refused = |agreed, items: &[Vec<u8>]| {
        let secret = AttemptSecret::from_bytes([1; 32]);
        let blinding = Blinding::<Ristretto255Sha512>::new(secret, agreed, Role::Sender, items);
        matches!(blinding, Err(Fault::Caller(_)))
    };
    assert!(!refused(agreed, &items(0, 4)));
    assert!(refused(agreed, &items(0, 5)));
    assert!(refused(
        agreed,
        &[b"a".to_vec(), b"b".to_vec(), b"a".to_vec()]
    ));
    assert!(refused(setup(Mode::Intersection, 0, 4), &[]));
    assert!(refused(setup(Mode::Intersection, 4, (1 << 20) + 1), &[]));
}

#[test]
fn a_peers_bad_points_are_refused() {
    let agreed = setup(Mode::Intersection, 4, 4);
    let (_, good) = blind::<Ristretto255Sha512>(1, agreed, Role::Receiver, &items(0, 4));
    let refusal = |points: &[u8]| {
        let (sender, _) = blind::<Ristretto255Sha512>(2, agreed, Role::Sender, &[]);
        sender.evaluate(points).unwrap_err()
    };

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
    let refusal = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut end =
            exchange::<Ristretto255Sha512>(Mode::Intersection, &items(0, 290), &items(250, 320));
        change(&mut end.tags);
        end.receiver.positions(&end.points, &end.tags).err()
    };
    assert_eq!(refusal(&|_| ()), None);
    assert_eq!(
        refusal(&|tags| tags.truncate(tags.len() - 1)),
        Some(Fault::Peer(Refused::Length {
            list: "list of tags",
            expected: 2138,
            found: 2137
        }))
    );
    // Eight tags of 57 bits are 57 bytes.
    assert_eq!(
        refusal(&|tags| tags.copy_within(0..57, 5 * 57)),
        Some(Fault::Peer(Refused::TagRepeated(40)))
    );
    // 300 · 57 bits leave four of the last byte.
    assert_eq!(
        refusal(&|tags| *tags.last_mut().unwrap() |= 0x80),
        Some(Fault::Peer(Refused::SpareBits("list of tags")))
    );
}

#[test]
fn what_is_told_must_be_proven() {
    let refusal = |mode, change: &dyn Fn(&mut Vec<u8>)| {
        let end = exchange::<Ristretto255Sha512>(mode, &items(0, 290), &items(250, 320));
        let (blinding, points, tags) = (end.receiver, end.points, end.tags);
        let mut matched = match mode {
            Mode::Intersection => blinding.positions(&points, &tags).unwrap().1,
            Mode::Cardinality => blinding.count(&points, &tags).unwrap().1,
        };
        change(&mut matched);
        match mode {
            Mode::Intersection => end.sender.positions(&matched).err(),
            Mode::Cardinality => end.sender.count(&matched).err(),
        }
    };
    let unproven = Some(Fault::Peer(Refused::MatchUnproven));
    for mode in [Mode::Intersection, Mode::Cardinality] {
        assert_eq!(refusal(mode, &|_| ()), None);
        assert_eq!(
            refusal(mode, &|told| *told.last_mut().unwrap() ^= 1),
            unproven
        );
        assert!(matches!(
            refusal(mode, &|told| told.push(0)),
            Some(Fault::Peer(Refused::Length { .. }))
        ));
    }
    let none = |told: &mut Vec<u8>| {
        let numbers = told.len() - 32;
        told[..numbers].fill(0);
    };
    assert_eq!(refusal(Mode::Intersection, &none), unproven);
    // One bit less, or one more: another number of matches.
    assert_eq!(refusal(Mode::Cardinality, &|told| told[0] ^= 1), unproven);
    // 300 bits leave four of the last byte; 70 numbers of 9 bits leave two.
    for (mode, at) in [(Mode::Cardinality, 37), (Mode::Intersection, 78)] {
        assert_eq!(
            refusal(mode, &|told| told[at] |= 0x80),
            Some(Fault::Peer(Refused::SpareBits("list of matches")))
        );
    }
    // The first number is 511, beyond 300 places.
    let beyond = |told: &mut Vec<u8>| {
        told[0] = 0xff;
        told[1] |= 1;
    };
    assert_eq!(
        refusal(Mode::Intersection, &beyond),
        Some(Fault::Peer(Refused::MatchOutside(0)))
    );
    // Places of all numbers are 1.
    let same = |told: &mut Vec<u8>| {
        let numbers = told.len() - 32;
        told[..numbers].fill(0);
        told[0] = 1;
        told[1] = 1 << 1;
    };
    assert_eq!(
        refusal(Mode::Intersection, &same),
        Some(Fault::Peer(Refused::MatchRepeated(1)))
    );
}
