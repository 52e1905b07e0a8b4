//! The long part of a VOLE, of which each party does its own: trees grown, noise put in, and the code over them, piece by piece.

use mihe_gf128::Gf128;
use rayon::prelude::*;

use crate::code::Code;
use crate::trees::{Children, Forest, Sums};

/// Blocks of noise of a piece, each a tree.
pub(crate) const NOISE: usize = 128;
/// Trees whose leaves go past the code's convolutions.
const SYSTEMATIC: usize = NOISE / 2;
/// The fewest elements that are made: below, the noise is no hidden part of the vector.
const FEWEST: usize = 1 << 14;
/// The most elements of a piece: 3 MB, most of which a third cache of 4 MB a core keeps.
const PIECE: usize = 3 << 16;

/// Leaves of a whole tree, at most: a piece of 2 MB.
const WHOLE: usize = 1 << 11;

/// How a vector is cut, and what is the same for all pieces.
pub(crate) struct Pieces {
    count: usize,
    pub(crate) forest: Forest,
    code: Code,
}

/// What the sender has of its trees.
pub(crate) struct Grown {
    /// b, and some elements more.
    pub(crate) elements: Vec<Gf128>,
    /// Of every level of every tree.
    pub(crate) sums: Vec<Sums>,
    /// Of every tree, the sum of its leaves and the share of the noise in it.
    pub(crate) corrections: Vec<u128>,
}

impl Pieces {
    /// Pieces for `len` elements.
    pub(crate) fn new(len: usize, seed: u128) -> Self {
        let count = len.div_ceil(PIECE).max(1);
        let whole = len + NOISE * (count - 1);
        let least = whole.div_ceil(count).max(FEWEST);
        // An even number of leaves, so that half of all noise is a multiple of 64.
        let leaves = (2 * least).div_ceil(NOISE).next_multiple_of(2);
        Self::of(count, leaves, seed)
    }

    /// The same of whole trees. In one that is cut off behind its last leaf, a receiver can choose a path that ends at no leaf,
    /// lacks none, and finds Δ in the tree's correction.
    pub(crate) fn of_whole_trees(len: usize, seed: u128) -> Self {
        let leaves = (2 * len).div_ceil(NOISE).next_power_of_two();
        let leaves = leaves.clamp(2 * FEWEST / NOISE, WHOLE);
        let made = SYSTEMATIC * leaves;
        // Every piece but the last takes some of the last one's elements.
        let count = 1 + len.saturating_sub(made).div_ceil(made - NOISE);
        Self::of(count, leaves, seed)
    }

    fn of(count: usize, leaves: usize, seed: u128) -> Self {
        Self {
            count,
            forest: Forest { leaves },
            code: Code::new(SYSTEMATIC * leaves, seed),
        }
    }

    /// Trees of all pieces.
    pub(crate) fn trees(&self) -> usize {
        self.count * NOISE
    }

    /// Levels of all trees.
    pub(crate) fn levels(&self) -> usize {
        self.trees() * self.forest.depth()
    }

    /// Elements of a vector, of which the last are reserved as noise of all pieces but the last.
    fn elements(&self) -> usize {
        self.count * self.code.len()
    }

    fn reserved(&self) -> usize {
        NOISE * (self.count - 1)
    }

    /// The sender's part: trees from their roots, with its shares of the noise of the last piece.
    pub(crate) fn grow(&self, children: &Children, roots: &[u128], shares: &[Gf128]) -> Grown {
        let mut elements = zeros(self.elements());
        let mut sums = vec![[0; 2]; self.levels()];
        let mut corrections = vec![0; self.trees()];
        let mut pieces: Vec<Growing> = elements
            .chunks_exact_mut(self.code.len())
            .zip(sums.chunks_exact_mut(NOISE * self.forest.depth()))
            .zip(corrections.chunks_exact_mut(NOISE))
            .zip(roots.chunks_exact(NOISE))
            .map(|(((elements, sums), corrections), roots)| Growing {
                roots,
                elements,
                sums,
                corrections,
            })
            .collect();
        if let Some(mut last) = pieces.pop() {
            last.grow(self, children, shares);
            let shares = last.elements[self.code.len() - self.reserved()..].par_chunks_exact(NOISE);
            pieces
                .par_iter_mut()
                .zip(shares)
                .for_each(|(piece, shares)| piece.grow(self, children, shares));
        }
        Grown {
            elements,
            sums,
            corrections,
        }
    }

    /// The receiver's part, a and c: trees from the sums that it knows, with the elements of noise of the last piece and its
    /// shares of them.
    pub(crate) fn regrow(
        &self,
        children: &Children,
        points: &[usize],
        known: &[u128],
        corrections: &[u128],
        noise: [&[Gf128]; 2],
    ) -> [Vec<Gf128>; 2] {
        let mut vectors = [(); 2].map(|()| zeros(self.elements()));
        let [a, c] = vectors
            .each_mut()
            .map(|vector| vector.chunks_exact_mut(self.code.len()));
        let mut pieces: Vec<Regrowing> = a
            .zip(c)
            .zip(points.chunks_exact(NOISE))
            .zip(known.chunks_exact(NOISE * self.forest.depth()))
            .zip(corrections.chunks_exact(NOISE))
            .map(|((((a, c), points), known), corrections)| Regrowing {
                points,
                known,
                corrections,
                vectors: [a, c],
            })
            .collect();
        if let Some(mut last) = pieces.pop() {
            last.regrow(self, children, noise);
            let [a, c] = last
                .vectors
                .each_ref()
                .map(|vector| vector[self.code.len() - self.reserved()..].par_chunks_exact(NOISE));
            pieces
                .par_iter_mut()
                .zip(a.zip(c))
                .for_each(|(piece, (noise, shares))| piece.regrow(self, children, [noise, shares]));
        }
        vectors
    }
}

/// A piece at the sender.
struct Growing<'a> {
    roots: &'a [u128],
    elements: &'a mut [Gf128],
    sums: &'a mut [Sums],
    corrections: &'a mut [u128],
}

impl Growing<'_> {
    fn grow(&mut self, pieces: &Pieces, children: &Children, shares: &[Gf128]) {
        let forest = pieces.forest;
        let mut noise: Vec<Gf128> = zeros(pieces.code.len());
        let halves = self.sums.split_at_mut(SYSTEMATIC * forest.depth());
        let (first, second) = self.roots.split_at(SYSTEMATIC);
        forest.grow(
            children,
            first,
            bytemuck::must_cast_slice_mut(self.elements),
            halves.0,
        );
        forest.grow(
            children,
            second,
            bytemuck::must_cast_slice_mut(&mut noise),
            halves.1,
        );
        for ((correction, sums), share) in self
            .corrections
            .iter_mut()
            .zip(self.sums.chunks_exact(forest.depth()))
            .zip(shares)
        {
            // The leaves are the last level.
            let whole = sums.last().map_or(0, |[left, right]| left ^ right);
            *correction = whole ^ share.0;
        }
        pieces.code.encode(&mut noise, self.elements);
    }
}

/// A piece at the receiver.
struct Regrowing<'a> {
    points: &'a [usize],
    known: &'a [u128],
    corrections: &'a [u128],
    vectors: [&'a mut [Gf128]; 2],
}

impl Regrowing<'_> {
    fn regrow(&mut self, pieces: &Pieces, children: &Children, [noise, shares]: [&[Gf128]; 2]) {
        let forest = pieces.forest;
        let [a, c] = &mut self.vectors;
        let leaves: &mut [u128] = bytemuck::must_cast_slice_mut(c);
        let (first, second) = self.points.split_at(SYSTEMATIC);
        let known = self.known.split_at(SYSTEMATIC * forest.depth());
        let corrections = self.corrections.split_at(SYSTEMATIC);
        let shares = shares.split_at(SYSTEMATIC);
        let noise = noise.split_at(SYSTEMATIC);

        forest.regrow(children, first, known.0, leaves);
        put_in(forest, leaves, first, corrections.0, shares.0);
        for (at, &element) in at(forest, first).zip(noise.0) {
            a[at] = element;
        }

        let mut past = zeros(leaves.len());
        forest.regrow(children, second, known.1, &mut past);
        put_in(forest, &mut past, second, corrections.1, shares.1);
        let mut noise_past = zeros(past.len());
        for (at, &element) in at(forest, second).zip(noise.1) {
            noise_past[at] = element;
        }
        // One after the other: two at once would share the cache.
        pieces
            .code
            .encode(bytemuck::must_cast_slice_mut(&mut past), c);
        pieces.code.encode(&mut noise_past, a);
    }
}

/// The places of the trees' points in all leaves.
fn at(forest: Forest, points: &[usize]) -> impl Iterator<Item = usize> {
    points
        .iter()
        .enumerate()
        .map(move |(tree, &point)| tree * forest.leaves + point)
}

/// The leaf that is missing in each tree, with the noise in it, from the sum of all and the own share.
fn put_in(
    forest: Forest,
    leaves: &mut [u128],
    points: &[usize],
    corrections: &[u128],
    shares: &[Gf128],
) {
    for ((leaves, &point), (correction, share)) in leaves
        .chunks_exact_mut(forest.leaves)
        .zip(points)
        .zip(corrections.iter().zip(shares))
    {
        let others = leaves.iter().fold(0, |sum, leaf| sum ^ leaf);
        leaves[point] = correction ^ others ^ share.0;
    }
}

/// Zeros that the allocator has ready, not written one by one.
fn zeros<T: bytemuck::Zeroable>(count: usize) -> Vec<T> {
    bytemuck::zeroed_vec(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_whole_trees_are_enough_and_none_too_many() {
        for len in [
            1,
            1 << 14,
            (1 << 14) + 1,
            40_000,
            1 << 17,
            (1 << 17) + 1,
            1_373_601,
            1 << 21,
        ] {
            let pieces = Pieces::of_whole_trees(len, 1);
            assert!(pieces.forest.leaves.is_power_of_two());
            let given = pieces.elements() - pieces.reserved();
            assert!(given >= len, "{len}");
            assert!(
                pieces.count == 1 || given - (pieces.code.len() - NOISE) < len,
                "{len}"
            );
            assert!(pieces.reserved() <= pieces.code.len());
        }
    }
}
