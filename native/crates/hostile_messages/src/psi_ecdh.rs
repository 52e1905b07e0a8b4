//! Private set intersection by Diffie–Hellman: points either way, tags, and what the sender is told.

use mihe_group::secret::AttemptSecret;
use mihe_psi_ecdh::{Blinding, Fault, Mode, Ristretto255Sha512, Role, Setup, Sm2Sm3, Suite};

use crate::altered::Altering;

const X: [&str; 5] = ["a", "b", "c", "d", "e"];
const Y: [&str; 4] = ["d", "e", "f", "g"];
const COMMON: [&[u32]; 2] = [&[3, 4], &[0, 1]];

/// Either mode, by either suite: the first byte says which.
pub fn play(data: &[u8]) {
    let first = data.first().copied().unwrap_or(0);
    let mode = if first & 1 == 1 {
        Mode::Cardinality
    } else {
        Mode::Intersection
    };
    let altering = Altering::one_of(4, data.get(1..).unwrap_or(&[]));
    let end = if first & 2 == 2 {
        run::<Sm2Sm3>(mode, &altering)
    } else {
        run::<Ristretto255Sha512>(mode, &altering)
    };
    if let Err(fault) = end {
        assert!(matches!(fault, Fault::Peer(_)), "{fault:?}");
    }
}

fn run<S: Suite>(mode: Mode, altering: &Altering<'_>) -> Result<(), Fault> {
    let setup = Setup {
        run: [9; 32],
        mode,
        receiver_size: 6,
        sender_size: 5,
    };
    let secret = |label| AttemptSecret::from_bytes([label; 32]);
    let (receiver, blinded) = Blinding::<S>::new(secret(1), setup, Role::Receiver, &X)?;
    let (sender, points) = Blinding::<S>::new(secret(2), setup, Role::Sender, &Y)?;
    let (sender, tags) = sender.evaluate(&altering.of(0, &blinded))?;
    let (points, tags) = (altering.of(1, &points), altering.of(2, &tags));
    match mode {
        Mode::Intersection => {
            let (mine, told) = receiver.positions(&points, &tags)?;
            // Which point is which item's is told by their order alone: in another one, other items are meant.
            let reordered = altering.is(0) || altering.is(1);
            assert!(reordered || mine.iter().all(|place| COMMON[0].contains(place)));
            let theirs = sender.positions(&altering.of(3, &told))?;
            assert!(theirs.iter().all(|place| COMMON[1].contains(place)));
        }
        Mode::Cardinality => {
            let (mine, told) = receiver.count(&points, &tags)?;
            assert!(mine <= COMMON[0].len());
            assert!(sender.count(&altering.of(3, &told))? <= COMMON[1].len());
        }
    }
    Ok(())
}
