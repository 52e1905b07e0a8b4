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

/// Nodes whose children are derived in one call of each hash.
const BATCH: usize = 64;

/// Trees of one size, in any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forest {
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
    /// If there is not room for the leaves of as many trees as there are roots, and for the sums of their levels.
    pub fn grow(
        &self,
        children: &Children,
        roots: &[u128],
        leaves: &mut [u128],
        sums: &mut [Sums],
    ) {
        self.check(roots.len(), leaves.len(), sums.len());
        for ((leaves, sums), &root) in leaves
            .chunks_exact_mut(self.leaves)
            .zip(sums.chunks_exact_mut(self.depth()))
            .zip(roots)
        {
            leaves[0] = root;
            for (level, sums) in (1..).zip(sums) {
                *sums = children.derive(&mut leaves[..self.width(level)]);
            }
        }
    }

    /// All leaves but those at `points`, which are zero. `known` has of every tree and level the sum of the children on
    /// the side that the path to the tree's point does not take.
    ///
    /// Where it writes depends on the points, which are secret from the other party and not from this machine.
    ///
    /// # Panics
    /// If there is not room for the leaves of as many trees as there are points, there are not as many sums as these have
    /// levels, or a point is no leaf.
    pub fn regrow(
        &self,
        children: &Children,
        points: &[usize],
        known: &[u128],
        leaves: &mut [u128],
    ) {
        self.check(points.len(), leaves.len(), known.len());
        assert!(
            points.iter().all(|&point| point < self.leaves),
            "a point is a leaf"
        );
        for ((leaves, known), &point) in leaves
            .chunks_exact_mut(self.leaves)
            .zip(known.chunks_exact(self.depth()))
            .zip(points)
        {
            leaves[0] = 0;
            for (level, &sum) in (1..).zip(known) {
                let nodes = &mut leaves[..self.width(level)];
                let sums = children.derive(nodes);
                self.mend(nodes, sums, point, level, sum);
            }
        }
    }

    fn check(&self, trees: usize, leaves: usize, sums: usize) {
        assert_eq!(leaves, trees * self.leaves, "room for every leaf");
        assert_eq!(sums, trees * self.depth(), "a sum for each level");
    }

    /// Of a level that was derived with the node on the path unknown: blanks what came from it, and fills in the one
    /// child that the sum of its side gives.
    fn mend(&self, nodes: &mut [u128], sums: Sums, point: usize, level: usize, sum: u128) {
        let on_path = point >> (self.depth() - level);
        let sibling = on_path ^ 1;
        nodes[on_path] = 0;
        if let Some(node) = nodes.get_mut(sibling) {
            *node ^= sum ^ sums[sibling & 1];
        }
    }
}

impl Children {
    /// From one level to the next in place: the first half of `nodes` are parents, all of them are children afterwards, the
    /// last parent's right one left out where they are odd. Returns the sums of either side.
    ///
    /// From the last parents to the first, so that children are written where parents have been read.
    fn derive(&self, nodes: &mut [u128]) -> Sums {
        let mut sums = [[0; 2]; 2];
        let mut hashed = [[0; BATCH]; 2];
        let parents = nodes.len().div_ceil(2);
        for start in (0..parents).step_by(BATCH).rev() {
            let end = parents.min(start + BATCH);
            let [left, right] = hashed.each_mut().map(|side| &mut side[..end - start]);
            self.0[0].hash_to(&nodes[start..end], left);
            self.0[1].hash_to(&nodes[start..end], right);
            let left: &[Halves] = bytemuck::must_cast_slice(left);
            let right: &[Halves] = bytemuck::must_cast_slice(right);
            let below = nodes.len().min(2 * end);
            let below: &mut [Halves] = bytemuck::must_cast_slice_mut(&mut nodes[2 * start..below]);
            let (pairs, last) = below.as_chunks_mut();
            for (pair, (&left, &right)) in pairs.iter_mut().zip(left.iter().zip(right)) {
                *pair = [left, right];
                sums = [add(sums[0], left), add(sums[1], right)];
            }
            if let ([last], Some(&left)) = (last, left.last()) {
                *last = left;
                sums[0] = add(sums[0], left);
            }
        }
        bytemuck::must_cast(sums)
    }
}

/// A node as two halves, which the compiler turns into one vector register.
type Halves = [u64; 2];

fn add(one: Halves, other: Halves) -> Halves {
    [one[0] ^ other[0], one[1] ^ other[1]]
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

    /// The leaves and sums of trees with these roots.
    fn grown(forest: &Forest, roots: &[u128]) -> (Vec<u128>, Vec<Sums>) {
        let mut leaves = vec![7; roots.len() * forest.leaves];
        let mut sums = vec![[7; 2]; roots.len() * forest.depth()];
        forest.grow(&children(), roots, &mut leaves, &mut sums);
        (leaves, sums)
    }

    const SIZES: [usize; 11] = [2, 3, 4, 5, 17, 22, 127, 128, 129, 255, 300];

    #[test]
    fn every_leaf_is_at_the_end_of_its_path() {
        for leaves in SIZES {
            let forest = Forest { leaves };
            let (grown, _) = grown(&forest, &[5, 6]);
            for (index, &leaf) in grown.iter().enumerate() {
                let root = [5, 6][index / leaves];
                assert_eq!(leaf, walk(&forest, root, index % leaves));
            }
        }
    }

    #[test]
    fn sums_are_those_of_the_nodes_that_a_level_has() {
        for leaves in SIZES {
            let forest = Forest { leaves };
            let (_, sums) = grown(&forest, &[5]);
            for (level, sums) in (1..).zip(&sums) {
                let mut expected = [0; 2];
                for node in 0..forest.width(level) {
                    let leaf = node << (forest.depth() - level);
                    let value = (1..=level).fold(5, |value, level| {
                        children().0[usize::from(forest.goes_right(leaf, level))].hash(value)
                    });
                    expected[node % 2] ^= value;
                }
                assert_eq!(*sums, expected, "{leaves} leaves, level {level}");
            }
        }
    }

    #[test]
    fn all_leaves_but_one_are_known_from_the_other_sides_sums() {
        for leaves in SIZES {
            let forest = Forest { leaves };
            let roots: Vec<u128> = (100..).take(leaves).collect();
            let points: Vec<usize> = (0..leaves).collect();
            let (grown, sums) = grown(&forest, &roots);
            let known: Vec<u128> = sums
                .iter()
                .enumerate()
                .map(|(index, sums)| {
                    let (tree, level) = (index / forest.depth(), index % forest.depth() + 1);
                    sums[usize::from(!forest.goes_right(points[tree], level))]
                })
                .collect();
            let mut regrown = vec![7; grown.len()];
            forest.regrow(&children(), &points, &known, &mut regrown);
            for (index, (&whole, &punctured)) in grown.iter().zip(&regrown).enumerate() {
                let at_point = index % leaves == points[index / leaves];
                assert_eq!(punctured, if at_point { 0 } else { whole });
            }
        }
    }
}
