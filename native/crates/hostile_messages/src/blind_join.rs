//! The matching of a blind join: an owner's list through the hands of two others.

use mihe_blind_join::{Fault, Setup, start};
use mihe_group::secret::AttemptSecret;

use crate::altered::Altering;

const KEYS: [&str; 3] = ["a", "b", "c"];
const SIZES: [usize; 3] = [5, 4, 4];
const TOKEN: usize = 7;

/// Every list that an owner takes from another one.
pub fn play(data: &[u8]) {
    if let Err(fault) = run(&Altering::one_of(4, data)) {
        assert!(matches!(fault, Fault::Peer(_)), "{fault:?}");
    }
}

fn run(altering: &Altering<'_>) -> Result<(), Fault> {
    let owner = |me: usize| {
        let setup = Setup {
            run: [9; 32],
            sizes: SIZES.to_vec(),
            me,
            token_bytes: TOKEN,
        };
        start(AttemptSecret::from_bytes([me as u8 + 1; 32]), setup, &KEYS)
    };
    let (_, journey, points) = owner(0)?;
    let (first, second) = (owner(1)?.0, owner(2)?.0);
    let points = altering.of(1, &first.serve(0, &altering.of(0, &points))?);
    let journey = journey.forward(&points)?;
    let points = second.serve(0, &altering.of(2, &points))?;
    let (tokens, order) = journey.finish(&altering.of(3, &points))?;
    assert_eq!(tokens.len(), TOKEN * SIZES[0]);
    let mut places: Vec<i32> = order.into_iter().filter(|&place| place >= 0).collect();
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2]);
    Ok(())
}
