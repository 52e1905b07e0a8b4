//! Silent VOLE: two parties get vectors with c = a·Δ + b out of messages that hardly grow with their length.
//!
//! The **sender** gets Δ and b, the **receiver** a and c; a and Δ look uniform to who does not have them. Boyle, Couteau,
//! Gilboa, Ishai, Kohl, Rindal and Scholl (CCS 2019, ePrint 2019/1159, figure 5), semi-honest:
//!
//! ```text
//! S → R   base points           256 base transfers, chosen by 128 random bits and by the bits of Δ
//! R → S   base point, extended transfers, the 128 noise values times Δ (by the bits of Δ)
//! S → R   trees: both sums of each level under transferred keys; the sum of each tree with its noise share
//! ```
//!
//! Noise is regular: one random element at a random place in each of 128 blocks (δ = 1/4, so t = 128 for 128 bits). The
//! sender's leaves w and the receiver's v agree but at the noise, where v = w + e·Δ; the code makes b of w, c of v and a
//! of the noise.

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::Gf128;
use mihe_group::secret::RunId;

use crate::base_ot::{self, Choosing, POINT};
use crate::code::Code;
use crate::extension::{self, select};
use crate::refused::Refused;
use crate::stream::Stream;
use crate::trees::{Children, Forest};

/// Blocks of noise.
const NOISE: usize = 128;
/// Bits of Δ, each a base transfer.
const DELTA: usize = 128;
/// The fewest elements that are made: below, the noise is no hidden part of the vector.
const FEWEST: usize = 1 << 14;
/// The most that are made at once: beyond, the caches are too small for the code.
pub const MOST: usize = 1 << 21;

/// What both parties know of a VOLE beforehand: run, length, and public keys of the run.
pub struct Agreed {
    run: RunId,
    len: usize,
    forest: Forest,
    children: Children,
    code: Code,
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
    pub fn new(run: RunId, len: usize, keys: PublicKeys) -> Option<Self> {
        if len > MOST {
            return None;
        }
        // An even number of leaves, so that half of all noise is a multiple of 64.
        let leaves = (2 * len.max(FEWEST)).div_ceil(NOISE).next_multiple_of(2);
        let forest = Forest {
            trees: NOISE,
            leaves,
        };
        Some(Self {
            run,
            len,
            forest,
            children: Children::new(keys.children),
            code: Code::new(NOISE * leaves / 2, keys.code),
        })
    }

    /// Bytes of the three messages, in order.
    pub fn message_bytes(&self) -> [usize; 3] {
        [
            2 * POINT * (extension::BASE + DELTA),
            POINT + 16 * self.reply_blocks(),
            16 * (2 * self.transfers() + NOISE),
        ]
    }

    fn transfers(&self) -> usize {
        NOISE * self.forest.depth()
    }

    /// Blocks of the receiver's reply behind its point.
    fn reply_blocks(&self) -> usize {
        extension::message_blocks(self.transfers()) + DELTA * NOISE
    }

    fn encode(&self, mut elements: Vec<Gf128>) -> Vec<Gf128> {
        self.code.encode(&mut elements);
        elements.truncate(self.len);
        elements
    }
}

/// The sender, waiting for the reply.
pub struct Sender {
    agreed: Agreed,
    stream: Stream,
    delta: Gf128,
    chosen: Vec<bool>,
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
        let subspace = stream.block();
        let bits = |word: u128| (0..128).map(move |place| word >> place & 1 == 1);
        let chosen: Vec<bool> = bits(subspace).chain(bits(delta.0)).collect();
        let (choosing, message) = base_ot::choose(&agreed.run, &chosen, &mut stream);
        (
            Self {
                agreed,
                stream,
                delta,
                chosen,
                choosing,
            },
            message,
        )
    }

    /// Ends, with the receiver's reply; the last message.
    pub fn finish(mut self, reply: &[u8]) -> Result<(Sent, Vec<u8>), Refused> {
        let agreed = &self.agreed;
        if reply.len() != POINT + 16 * agreed.reply_blocks() {
            return Err(Refused::Length("reply"));
        }
        let (point, blocks) = reply.split_at(POINT);
        let blocks = from_bytes(blocks);
        let (extended, noise) = blocks.split_at(blocks.len() - DELTA * NOISE);
        let base = self.choosing.keys(point)?;
        let (base, for_delta) = base.split_at(extension::BASE);
        let keys = extension::send(
            &agreed.run,
            &agreed.children,
            base,
            &self.chosen[..extension::BASE],
            agreed.transfers(),
            extended,
        )?;
        let shares = noise_shares_of_sender(for_delta, self.delta, noise);

        let roots = self.stream.blocks(NOISE);
        let (leaves, sums) = agreed.forest.grow(&agreed.children, &roots);
        let mut message: Vec<u128> = sums
            .iter()
            .zip(&keys)
            .flat_map(|(sums, keys)| [sums[0] ^ keys[0], sums[1] ^ keys[1]])
            .collect();
        message.extend(
            leaves
                .chunks_exact(agreed.forest.leaves)
                .zip(shares)
                .map(|(leaves, share)| leaves.iter().fold(share.0, |sum, leaf| sum ^ leaf)),
        );
        let b = agreed.encode(bytemuck::allocation::cast_vec(leaves));
        Ok((
            Sent {
                delta: self.delta,
                b,
            },
            to_bytes(&message),
        ))
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
        let transfers = extension::BASE + DELTA;
        let (mut message, base) = base_ot::offer(&agreed.run, transfers, base_points, &mut stream)?;
        let (base, for_delta) = base.split_at(extension::BASE);
        let forest = agreed.forest;
        let points: Vec<usize> = (0..NOISE).map(|_| stream.below(forest.leaves)).collect();
        let noise: Vec<Gf128> = (0..NOISE).map(|_| not_zero(&mut stream)).collect();
        let choices: Vec<bool> = points
            .iter()
            .flat_map(|&point| {
                (1..=forest.depth()).map(move |level| !forest.goes_right(point, level))
            })
            .collect();
        let (keys, mut blocks) =
            extension::receive(&agreed.run, &agreed.children, base, &choices, &mut stream);
        let (shares, products) = noise_shares_of_receiver(for_delta, &noise);
        blocks.extend(products);
        message.extend(to_bytes(&blocks));
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
    pub fn finish(self, trees: &[u8]) -> Result<Received, Refused> {
        let (agreed, forest) = (&self.agreed, self.agreed.forest);
        if trees.len() != 16 * (2 * self.keys.len() + NOISE) {
            return Err(Refused::Length("trees"));
        }
        let trees = from_bytes(trees);
        let (levels, sums) = trees.split_at(2 * self.keys.len());
        let known: Vec<u128> = levels
            .chunks_exact(2)
            .zip(&self.keys)
            .enumerate()
            .map(|(number, (pair, key))| {
                let (tree, level) = (number / forest.depth(), number % forest.depth() + 1);
                select(
                    !forest.goes_right(self.points[tree], level),
                    pair[0],
                    pair[1],
                ) ^ key
            })
            .collect();
        let mut leaves = forest.regrow(&agreed.children, &self.points, &known);
        let mut noise = vec![Gf128::ZERO; leaves.len()];
        for (tree, leaves) in leaves.chunks_exact_mut(forest.leaves).enumerate() {
            let others = leaves.iter().fold(0, |sum, leaf| sum ^ leaf);
            leaves[self.points[tree]] = sums[tree] ^ others ^ self.shares[tree].0;
            noise[tree * forest.leaves + self.points[tree]] = self.noise[tree];
        }
        let (a, c) = rayon::join(
            || agreed.encode(noise),
            || agreed.encode(bytemuck::allocation::cast_vec(leaves)),
        );
        Ok(Received { a, c })
    }
}

/// Shares z of the products of the noise with the other's Δ, and the message: Gilboa's multiplication, one transfer for
/// each bit of Δ. The sender's shares are y = z + e·Δ.
fn noise_shares_of_receiver(keys: &[[u128; 2]], noise: &[Gf128]) -> (Vec<Gf128>, Vec<u128>) {
    let mut shares = vec![Gf128::ZERO; noise.len()];
    let mut message = Vec::with_capacity(DELTA * noise.len());
    let mut shifted = noise.to_vec(); // the noise times x^k
    for pair in keys {
        let [zero, one] = pair.map(|key| expand(key, noise.len()));
        for (place, element) in shifted.iter_mut().enumerate() {
            shares[place] += Gf128(zero[place]);
            message.push(zero[place] ^ one[place] ^ element.0);
            *element = times_x(*element);
        }
    }
    (shares, message)
}

fn noise_shares_of_sender(keys: &[u128], delta: Gf128, message: &[u128]) -> Vec<Gf128> {
    let mut shares = vec![Gf128::ZERO; NOISE];
    for (bit, (&key, products)) in keys.iter().zip(message.chunks_exact(NOISE)).enumerate() {
        let mask = 0u128.wrapping_sub(delta.0 >> bit & 1);
        let stream = expand(key, NOISE);
        for (share, (own, product)) in shares.iter_mut().zip(stream.iter().zip(products)) {
            *share += Gf128(own ^ (product & mask));
        }
    }
    shares
}

fn expand(key: u128, blocks: usize) -> Vec<u128> {
    let mut stream = vec![0; blocks];
    FixedKeyAes::new(key).stream(0, &mut stream);
    stream
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

fn to_bytes(blocks: &[u128]) -> Vec<u8> {
    blocks
        .iter()
        .flat_map(|block| block.to_le_bytes())
        .collect()
}

/// Whole blocks; the caller has checked the length.
fn from_bytes(bytes: &[u8]) -> Vec<u128> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|&block| u128::from_le_bytes(block))
        .collect()
}
