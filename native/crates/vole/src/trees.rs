//! Puncturable pseudorandom functions by trees of Goldreich, Goldwasser and Micali: many at once.
//!
//! One party holds the roots and so every leaf. The other learns all leaves of each tree but one that it chose: of every
//! level it gets, by oblivious transfer, the sum of all left or of all right children, whichever side its path leaves, and
//! so the one node of that side that it can't derive (Boyle, Couteau, Gilboa, Ishai, Kohl, Rindal and Scholl, CCS 2019,
//! §4 of ePrint 2019/1159; the same trees stand in SoftSpoken OT).
//!
//! A child is AES_k(p) ⊕ p with one fixed key for left children and another for right ones. Trees are cut off behind
//! their last leaf: a level of a tree of 22 000 leaves has as many nodes as it needs, no power of two.

use mihe_fixed_key_aes::FixedKeyAes;
use rayon::prelude::*;

/// How many trees there are, and how many leaves each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forest {
    /// Trees.
    pub trees: usize,
    /// Leaves of a tree, at least 2.
    pub leaves: usize,
}

/// The sums of the left and of the right children of one level of one tree.
pub type Sums = [u128; 2];

/// The hash of either child, under keys of one run.
pub struct Children([FixedKeyAes; 2]);

impl Children {
    /// The hashes under two keys.
    pub fn new(keys: [u128; 2]) -> Self {
        Self(keys.map(FixedKeyAes::new))
    }
}

impl Forest {
    /// Levels below the root.
    pub fn depth(&self) -> usize {
        self.leaves.next_power_of_two().trailing_zeros() as usize
    }

    /// Nodes of a level, the root's being level 0.
    fn width(&self, level: usize) -> usize {
        self.leaves.div_ceil(1 << (self.depth() - level))
    }

    /// Whether the path to leaf `point` goes right at `level`, which is 1 for the root's children.
    pub fn goes_right(&self, point: usize, level: usize) -> bool {
        point >> (self.depth() - level) & 1 == 1
    }

    /// All leaves, tree by tree, and the sums of every level from the root's children down.
    ///
    /// # Panics
    /// If there are not as many roots as trees.
    pub fn grow(&self, children: &Children, roots: &[u128]) -> (Vec<u128>, Vec<Sums>) {
        assert_eq!(roots.len(), self.trees, "a root for each tree");
        let mut leaves = vec![0; self.trees * self.leaves];
        let mut sums = vec![[0; 2]; self.trees * self.depth()];
        leaves
            .par_chunks_exact_mut(self.leaves)
            .zip(sums.par_chunks_exact_mut(self.depth()))
            .zip(roots)
            .for_each(|((leaves, sums), &root)| {
                let mut nodes = vec![root];
                for (level, sums) in (1..).zip(sums) {
                    nodes = children.of(&nodes, self.width(level));
                    *sums = side_sums(&nodes);
                }
                leaves.copy_from_slice(&nodes);
            });
        (leaves, sums)
    }

    /// All leaves but those at `points`, which are zero. `known` has of every tree and level the sum of the children on
    /// the side that the path to the tree's point does not take.
    ///
    /// # Panics
    /// If there are not as many points as trees and as many sums as levels of trees, or a point is no leaf.
    pub fn regrow(&self, children: &Children, points: &[usize], known: &[u128]) -> Vec<u128> {
        assert_eq!(points.len(), self.trees, "a point for each tree");
        assert_eq!(
            known.len(),
            self.trees * self.depth(),
            "a sum for each level"
        );
        assert!(
            points.iter().all(|&point| point < self.leaves),
            "a point is a leaf"
        );
        let mut leaves = vec![0; self.trees * self.leaves];
        leaves
            .par_chunks_exact_mut(self.leaves)
            .zip(known.par_chunks_exact(self.depth()))
            .zip(points)
            .for_each(|((leaves, known), &point)| {
                let mut nodes = vec![0];
                for (level, &sum) in (1..).zip(known) {
                    nodes = children.of(&nodes, self.width(level));
                    self.mend(&mut nodes, point, level, sum);
                }
                leaves.copy_from_slice(&nodes);
            });
        leaves
    }

    /// Of a level that was derived with the node on the path unknown: blanks what came from it, and fills in the one
    /// child that the sum of its side gives.
    fn mend(&self, nodes: &mut [u128], point: usize, level: usize, sum: u128) {
        let on_path = point >> (self.depth() - level);
        let sibling = on_path ^ 1;
        nodes[on_path] = 0;
        if let Some(node) = nodes.get_mut(sibling) {
            *node = 0;
            nodes[sibling] = sum ^ side_sums(nodes)[sibling & 1];
        }
    }
}

impl Children {
    fn of(&self, parents: &[u128], width: usize) -> Vec<u128> {
        let mut nodes = vec![0; width];
        let mut hashed = vec![0; parents.len()];
        for (side, hash) in self.0.iter().enumerate() {
            hashed.copy_from_slice(parents);
            hash.hash_each(&mut hashed);
            for (node, &child) in nodes.iter_mut().skip(side).step_by(2).zip(&hashed) {
                *node = child;
            }
        }
        nodes
    }
}

fn side_sums(nodes: &[u128]) -> Sums {
    let mut sums = [0; 2];
    for pair in nodes.chunks(2) {
        for (sum, node) in sums.iter_mut().zip(pair) {
            *sum ^= node;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn children() -> Children {
        Children::new([11, 12])
    }

    /// One node at a time, from the root to one leaf.
    fn walk(forest: &Forest, root: u128, leaf: usize) -> u128 {
        (1..=forest.depth()).fold(root, |node, level| {
            children().0[usize::from(forest.goes_right(leaf, level))].hash(node)
        })
    }

    #[test]
    fn every_leaf_is_at_the_end_of_its_path() {
        for leaves in [2, 3, 4, 5, 17, 22] {
            let forest = Forest { trees: 2, leaves };
            let (grown, sums) = forest.grow(&children(), &[5, 6]);
            assert_eq!(sums.len(), 2 * forest.depth());
            for (index, &leaf) in grown.iter().enumerate() {
                let root = [5, 6][index / leaves];
                assert_eq!(leaf, walk(&forest, root, index % leaves));
            }
        }
    }

    #[test]
    fn all_leaves_but_one_are_known_from_the_other_sides_sums() {
        for leaves in [2, 3, 4, 5, 17, 22] {
            let forest = Forest {
                trees: leaves,
                leaves,
            };
            let roots: Vec<u128> = (100..).take(leaves).collect();
            let points: Vec<usize> = (0..leaves).collect();
            let (grown, sums) = forest.grow(&children(), &roots);
            let known: Vec<u128> = sums
                .iter()
                .enumerate()
                .map(|(index, sums)| {
                    let (tree, level) = (index / forest.depth(), index % forest.depth() + 1);
                    sums[usize::from(!forest.goes_right(points[tree], level))]
                })
                .collect();
            let regrown = forest.regrow(&children(), &points, &known);
            for (index, (&whole, &punctured)) in grown.iter().zip(&regrown).enumerate() {
                let at_point = index % leaves == points[index / leaves];
                assert_eq!(punctured, if at_point { 0 } else { whole });
            }
        }
    }
}
