//! Private set intersection from vector OLE: one bucket of a run in which both learn.

use mihe_group::secret::AttemptSecret;
use mihe_psi_rr22::{Adversary, AwaitReply, Begun, Fault, ItemHash, Items, MayMask, MayTag, Setup};

use crate::altered::Altering;

const X: core::ops::Range<u32> = 0..12;
const Y: core::ops::Range<u32> = 8..22;
const TAGS: usize = 6;

/// One of the eight messages; the first byte says against whom the parties are protected.
pub fn play(data: &[u8]) {
    let first = data.first().copied().unwrap_or(0);
    let against = if first & 1 == 1 {
        Adversary::Active
    } else {
        Adversary::SemiHonest
    };
    let altering = Altering::one_of(8, data.get(1..).unwrap_or(&[]));
    if let Err(fault) = run(against, &altering) {
        assert!(matches!(fault, Fault::Peer(_)), "{fault:?}");
    }
}

fn vole(setup: Setup, altering: &Altering<'_>) -> Result<(MayMask, MayTag), Fault> {
    let secret = |label| AttemptSecret::from_bytes([label; 32]);
    let receiver = Begun::new(secret(1), setup)?;
    let (sender, points) = AwaitReply::begin(secret(2), setup)?;
    let (receiver, reply) = receiver.reply(&altering.of(0, &points))?;
    let reply = altering.of(1, &reply);
    if setup.against == Adversary::SemiHonest {
        let (sender, trees) = sender.trees(&reply)?;
        return Ok((receiver.finish(&altering.of(2, &trees))?, sender));
    }
    let (sender, trees) = sender.trees_to_check(&reply)?;
    let (receiver, challenge) = receiver.challenge(&altering.of(2, &trees))?;
    let (sender, answer) = sender.answer(&altering.of(3, &challenge))?;
    Ok((receiver.check(&altering.of(4, &answer))?, sender))
}

fn run(against: Adversary, altering: &Altering<'_>) -> Result<(), Fault> {
    let setup = Setup {
        run: [9; 32],
        receiver_size: 16,
        sender_size: 20,
        buckets: 1,
        both: true,
        against,
    };
    let (receiver, sender) = vole(setup, altering)?;
    let (receiver, masked) = receiver.mask(items(X)?)?;
    let sender = sender.take(items(Y)?)?;
    let (sender, tags) = sender.tags(&altering.of(5, masked.bytes()))?;
    let (mine, told) = receiver.common(&altering.of(TAGS, &tags))?;
    assert_rows(&mine.rows, X);
    // Coverage leads a search to the receiver's own tags, which no peer can know.
    assert!(altering.is(TAGS) || mine.rows.iter().all(|row| Y.contains(row)));
    // What the sender is told is the receiver's word: any of its own items, if nothing is proved.
    let theirs = sender.common(&altering.of(7, &told))?;
    assert_rows(&theirs.rows, Y);
    let proved = against == Adversary::Active;
    assert!(!proved || theirs.rows.iter().all(|row| X.contains(row)));
    Ok(())
}

/// Every number is an item, in the row of its own number.
fn items(numbers: core::ops::Range<u32>) -> Result<Items, Fault> {
    let hash = ItemHash::new(&[9; 32], &[1; 32], &[2; 32]);
    let names: Vec<String> = numbers.clone().map(|number| number.to_string()).collect();
    let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
    let scattered = hash.scatter(&names, numbers.start, 1);
    Items::gather(&[(scattered.blocks(), scattered.rows())], false)
}

fn assert_rows(rows: &[u32], own: core::ops::Range<u32>) {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    assert!(rows.iter().all(|row| own.contains(row)), "{rows:?}");
    assert!(rows.windows(2).all(|two| two[0] != two[1]), "{rows:?}");
}
