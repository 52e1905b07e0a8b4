//! Silent VOLE: two parties get vectors with c = a·Δ + b out of messages that hardly grow with their length.
//!
//! The **sender** gets Δ and b, the **receiver** a and c; a and Δ look uniform to who does not have them. Boyle, Couteau,
//! Gilboa, Ishai, Kohl, Rindal and Scholl (CCS 2019, ePrint 2019/1159, figure 5):
//!
//! ```text
//! S → R   base points           128 base transfers, chosen by the bits of Δ
//! R → S   base point, extended transfers; a proof that they agree, if checks were agreed on
//! S → R   trees: both sums of each level under transferred keys; the sum of each tree with its noise share
//! R → S   challenge             only with checks: at which the vectors are compared
//! S → R   answer
//! ```
//!
//! Noise is regular: one random element e at a random place in each of 128 blocks (δ = 1/4, so t = 128 for 128 bits). The
//! sender's leaves w and the receiver's v agree but at the noise, where v = w + e·Δ; the code makes b of w, c of v and a
//! of the noise. Shares of e·Δ come from the extension: 128 of its rows, with the bits of e as choices, add up to one.
//!
//! A long vector is made in pieces, each with trees and noise of its own, because the code reads at random and is several times
//! faster where a piece fits into the third cache. The last piece is made first: its last elements are the noise of the
//! others, a and shares of a·Δ being what it consists of (Weng, Yang, Katz and Wang, "Wolverine", IEEE S&P 2021, §5).

use mihe_gf128::Gf128;
use mihe_group::secret::RunId;

use crate::base_ot::{self, Choosing, POINT};
use crate::extension::{self, select};
use crate::pieces::{NOISE, Pieces};
use crate::refused::Refused;
use crate::stream::Stream;
use crate::transfer_check::{self, Points};
use crate::trees::Children;
use crate::vector_check::{ANSWER, Answering, CHALLENGE, Unchecked};

/// Bits of an element: so many rows make its product with Δ.
const BITS: usize = 128;
/// The most that are made at once.
pub const MOST: usize = 1 << 21;

/// Against whom a party is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adversary {
    /// A peer that follows the protocol, and looks at what it sees.
    SemiHonest,
    /// A peer that sends what it likes: it is caught by checks.
    Active,
}

/// What both parties know of a VOLE beforehand: run, length, checks, and public keys of the run.
pub struct Agreed {
    run: RunId,
    checked: bool,
    /// Elements that are made: with checks, one more than asked for.
    len: usize,
    children: Children,
    pieces: Pieces,
}

/// Public randomness of a run, fresh and known to both before the first message.
#[derive(Clone, Copy)]
pub struct PublicKeys {
    /// The two keys of the trees.
    pub children: [u128; 2],
    /// The code's seed.
    pub code: u128,
}

impl Agreed {
    /// A VOLE of `len` elements, at most [`MOST`]; `None` if it is longer.
    pub fn new(run: RunId, len: usize, keys: PublicKeys, against: Adversary) -> Option<Self> {
        let pieces = match against {
            Adversary::SemiHonest => Pieces::new,
            Adversary::Active => Pieces::of_whole_trees,
        };
        let checked = against == Adversary::Active;
        (len <= MOST).then(|| {
            let len = len + usize::from(checked);
            Self {
                run,
                checked,
                len,
                children: Children::new(keys.children),
                pieces: pieces(len, keys.code),
            }
        })
    }

    /// Bytes of the messages, in order: base points, reply, trees, challenge, answer. The last two are there with checks only.
    pub fn message_bytes(&self) -> [usize; 5] {
        let of_check = |count| if self.checked { count } else { 0 };
        let proof = of_check(transfer_check::BLOCKS);
        [
            2 * POINT * extension::BASE,
            POINT + 16 * (extension::message_blocks(self.transfers()) + proof),
            16 * (2 * self.pieces.levels() + self.pieces.trees()),
            of_check(CHALLENGE),
            of_check(ANSWER),
        ]
    }

    /// Extended transfers: the rows and, behind whole words of them, those that hide them from the check.
    fn transfers(&self) -> usize {
        if self.checked {
            self.rows().next_multiple_of(BITS) + BITS * transfer_check::HIDING
        } else {
            self.rows()
        }
    }

    /// Where the planes are hashed, if they are.
    fn points(&self, sent: [&[u8]; 3]) -> Option<Points> {
        self.checked.then(|| Points::of(&self.run, sent))
    }

    /// Rows of the extension: for the noise of the first piece, and for every level of every tree.
    fn rows(&self) -> usize {
        NOISE * BITS + self.pieces.levels()
    }

    /// The key of a level's row, which stands behind the rows of the noise.
    fn key(&self, level: usize, row: u128) -> u128 {
        extension::key(&self.run, NOISE * BITS + level, row)
    }
}

/// The sender, waiting for the reply.
pub struct Sender {
    agreed: Agreed,
    stream: Stream,
    delta: Gf128,
    choosing: Choosing,
}

/// What the sender has in the end.
pub struct Sent {
    /// Δ, not zero.
    pub delta: Gf128,
    /// b.
    pub b: Vec<Gf128>,
}

impl Sender {
    /// Begins; the first message.
    pub fn begin(agreed: Agreed, mut stream: Stream) -> (Self, Vec<u8>) {
        let delta = not_zero(&mut stream);
        let chosen = extension::base_choices(delta.0);
        let (choosing, message) = base_ot::choose(&agreed.run, &chosen, &mut stream);
        (
            Self {
                agreed,
                stream,
                delta,
                choosing,
            },
            message,
        )
    }

    /// Ends, with the receiver's reply; the last message.
    ///
    /// # Panics
    /// If checks were agreed on.
    pub fn finish(self, reply: &[u8]) -> Result<(Sent, Vec<u8>), Refused> {
        assert!(!self.agreed.checked, "the receiver checks");
        self.made(reply)
    }

    /// Checks the receiver's reply, and will be checked; the trees.
    ///
    /// # Panics
    /// If no checks were agreed on.
    pub fn finish_to_answer(self, reply: &[u8]) -> Result<(Answering, Vec<u8>), Refused> {
        assert!(self.agreed.checked, "the receiver does not check");
        let run = self.agreed.run;
        let (sent, message) = self.made(reply)?;
        Ok((Answering { run, sent }, message))
    }

    fn made(mut self, reply: &[u8]) -> Result<(Sent, Vec<u8>), Refused> {
        let (agreed, delta) = (&self.agreed, self.delta);
        if reply.len() != agreed.message_bytes()[1] {
            return Err(Refused::Length("reply"));
        }
        let (point, rest) = reply.split_at(POINT);
        let (extended, proof) = rest.split_at(16 * extension::message_blocks(agreed.transfers()));
        let points = agreed.points([self.choosing.message(), point, extended]);
        let base = self.choosing.keys(point)?;
        let planes = extension::send(
            &agreed.children,
            &base,
            delta.0,
            agreed.transfers(),
            &from_bytes(extended),
        )?;
        // Before anything is sent that the rows hide.
        if let Some(points) = points {
            points.verify(delta.0, &planes, &from_bytes(proof))?;
        }
        let rows = planes.rows(agreed.rows());
        let (of_noise, of_levels) = rows.split_at(NOISE * BITS);

        let roots = self.stream.blocks(agreed.pieces.trees());
        let grown = agreed
            .pieces
            .grow(&agreed.children, &roots, &weighed(of_noise));
        let mut message = Vec::with_capacity(2 * agreed.pieces.levels() + roots.len());
        for (level, (sums, &row)) in grown.sums.iter().zip(of_levels).enumerate() {
            message.push(sums[0] ^ agreed.key(level, row));
            message.push(sums[1] ^ agreed.key(level, row ^ delta.0));
        }
        message.extend(grown.corrections);
        let mut b = grown.elements;
        b.truncate(agreed.len);
        Ok((Sent { delta, b }, to_bytes(message)))
    }
}

/// The receiver, waiting for the trees.
pub struct Receiver {
    agreed: Agreed,
    points: Vec<usize>,
    keys: Vec<u128>,
    noise: Vec<Gf128>,
    shares: Vec<Gf128>,
}

/// What the receiver has in the end.
pub struct Received {
    /// a.
    pub a: Vec<Gf128>,
    /// c.
    pub c: Vec<Gf128>,
}

impl Receiver {
    /// Replies to the sender's first message.
    pub fn reply(
        agreed: Agreed,
        mut stream: Stream,
        base_points: &[u8],
    ) -> Result<(Self, Vec<u8>), Refused> {
        let (mut message, base) =
            base_ot::offer(&agreed.run, extension::BASE, base_points, &mut stream)?;
        let forest = agreed.pieces.forest;
        let points: Vec<usize> = (0..agreed.pieces.trees())
            .map(|_| stream.below(forest.leaves))
            .collect();
        let noise: Vec<Gf128> = (0..NOISE).map(|_| not_zero(&mut stream)).collect();
        let bits = noise
            .iter()
            .flat_map(|element| (0..BITS).map(|bit| element.0 >> bit & 1 == 1));
        let sides = points.iter().flat_map(|&point| {
            (1..=forest.depth()).map(move |level| !forest.goes_right(point, level))
        });
        let mut choices: Vec<bool> = bits.chain(sides).collect();
        if agreed.checked {
            choices.resize(choices.len().next_multiple_of(BITS), false);
        }
        let hiding = stream.blocks((agreed.transfers() - choices.len()) / BITS);
        choices.extend(
            (hiding.iter()).flat_map(|word| (0..BITS).map(move |bit| word >> bit & 1 == 1)),
        );
        let (planes, extended) = extension::receive(&agreed.children, &base, &choices, &mut stream);
        let extended = to_bytes(extended);
        let proof = agreed
            .points([base_points, &message, &extended])
            .map(|points| to_bytes(points.prove(&extension::pack(&choices), &planes)));
        message.extend(extended);
        message.extend(proof.unwrap_or_default());
        let rows = planes.rows(agreed.rows());
        let (of_noise, of_levels) = rows.split_at(NOISE * BITS);
        let shares = weighed(of_noise);
        let keys = (of_levels.iter().enumerate())
            .map(|(level, &row)| agreed.key(level, row))
            .collect();
        Ok((
            Self {
                agreed,
                points,
                keys,
                noise,
                shares,
            },
            message,
        ))
    }

    /// Ends, with the sender's trees.
    ///
    /// # Panics
    /// If checks were agreed on.
    pub fn finish(self, trees: &[u8]) -> Result<Received, Refused> {
        assert!(!self.agreed.checked, "the vectors are to be checked");
        self.made(trees)
    }

    /// Takes the sender's trees: what they make is to be checked.
    ///
    /// # Panics
    /// If no checks were agreed on.
    pub fn finish_to_check(self, trees: &[u8]) -> Result<Unchecked, Refused> {
        assert!(self.agreed.checked, "the sender will not answer");
        let run = self.agreed.run;
        let received = self.made(trees)?;
        Ok(Unchecked { run, received })
    }

    fn made(self, trees: &[u8]) -> Result<Received, Refused> {
        let (agreed, forest) = (&self.agreed, self.agreed.pieces.forest);
        if trees.len() != agreed.message_bytes()[2] {
            return Err(Refused::Length("trees"));
        }
        let trees = from_bytes(trees);
        let (levels, corrections) = trees.split_at(2 * self.keys.len());
        let known: Vec<u128> = levels
            .chunks_exact(2)
            .zip(&self.keys)
            .enumerate()
            .map(|(number, (pair, key))| {
                let (tree, level) = (number / forest.depth(), number % forest.depth() + 1);
                let right = !forest.goes_right(self.points[tree], level);
                select(right, pair[0], pair[1]) ^ key
            })
            .collect();
        let [mut a, mut c] = agreed.pieces.regrow(
            &agreed.children,
            &self.points,
            &known,
            corrections,
            [&self.noise, &self.shares],
        );
        a.truncate(agreed.len);
        c.truncate(agreed.len);
        Ok(Received { a, c })
    }
}

/// Of every 128 rows the sum of row k times x^k: shares of choices · Δ become shares of element · Δ.
fn weighed(rows: &[u128]) -> Vec<Gf128> {
    rows.chunks_exact(BITS)
        .map(|rows| {
            rows.iter()
                .rev()
                .fold(Gf128::ZERO, |sum, &row| times_x(sum) + Gf128(row))
        })
        .collect()
}

fn times_x(element: Gf128) -> Gf128 {
    let carry = 0u128.wrapping_sub(element.0 >> 127);
    Gf128((element.0 << 1) ^ (carry & 0x87))
}

fn not_zero(stream: &mut Stream) -> Gf128 {
    loop {
        let element = Gf128(stream.block());
        if element != Gf128::ZERO {
            return element;
        }
    }
}

/// Little-endian, which swaps nothing on a little-endian machine.
fn to_bytes(mut blocks: Vec<u128>) -> Vec<u8> {
    for block in &mut blocks {
        *block = block.to_le();
    }
    bytemuck::must_cast_slice(&blocks).to_vec()
}

/// Whole blocks; the caller has checked the length.
fn from_bytes(bytes: &[u8]) -> Vec<u128> {
    let (blocks, _) = bytes.as_chunks();
    blocks.iter().copied().map(u128::from_le_bytes).collect()
}
