//! Encode: peel keys that have a column of their own, solve the few that are left with the dense columns.
//!
//! Peeling is that of Molloy's cores, with one exclusive or of all keys of a column instead of a list of them. A key
//! that is left in a core goes to the *gap*. Everything is linear in the dense columns, so with g ≥ 1 keys in the gap
//! the sparse part is solved once with the dense columns as they are and once for each unit vector, and the gap's g
//! equations say which combination it must be. A gap is rare: about one cluster in 2^14.

use core::fmt;

use mihe_gf128::Gf128;
use rayon::prelude::*;

use crate::place::{Columns, Placed};

/// What stands in the columns that no key determines.
pub enum Fill<'a> {
    /// Zero: only where the store is masked by a one-time pad before it is seen.
    Zero,
    /// These elements, uniform and secret, as many as the store has columns.
    Random(&'a [Gf128]),
}

/// The keys can't be encoded with this seed; another one will do, with all but negligible probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unencodable {
    /// A cluster got more keys than it takes.
    Overflow,
    /// A cluster has a core that the dense columns can't solve; so has one in which a key stands twice.
    Core,
}

impl fmt::Display for Unencodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overflow => "a cluster has more keys than it takes",
            Self::Core => "a cluster has a core, or a key twice",
        })
    }
}

impl core::error::Error for Unencodable {}

/// The store in which each placed key has its value; `values` in the order of `placed`.
///
/// # Panics
/// If there are not as many values as keys, or not as many elements to fill as columns.
pub fn encode(
    placed: &Placed,
    values: &[Gf128],
    fill: &Fill<'_>,
) -> Result<Vec<Gf128>, Unencodable> {
    assert_eq!(values.len(), placed.len(), "as many values as keys");
    let mut store = match fill {
        Fill::Zero => vec![Gf128::ZERO; placed.shape.len()],
        Fill::Random(elements) => elements.to_vec(),
    };
    assert_eq!(
        store.len(),
        placed.shape.len(),
        "as many elements as columns"
    );
    store
        .par_chunks_exact_mut(placed.shape.cluster_len())
        .zip(placed.starts.par_windows(2))
        .try_for_each(|(columns, bounds)| {
            let slots = bounds[0]..bounds[1];
            Cluster {
                rows: &placed.columns[slots.clone()],
                dense: &placed.dense[slots.clone()],
                values: &values[slots],
                sparse: placed.shape.sparse,
            }
            .encode(columns, placed.shape.capacity)
        })?;
    Ok(store)
}

/// The keys of one cluster.
struct Cluster<'a> {
    rows: &'a [Columns],
    dense: &'a [Gf128],
    values: &'a [Gf128],
    sparse: usize,
}

/// Which key determines which column, in the order of peeling; and the keys that determine none.
struct Peeled {
    order: Vec<(u16, u16)>,
    gap: Vec<u16>,
}

impl Cluster<'_> {
    fn encode(&self, columns: &mut [Gf128], capacity: usize) -> Result<(), Unencodable> {
        if self.rows.len() > capacity {
            return Err(Unencodable::Overflow);
        }
        let most = columns.len() - self.sparse;
        let peeled = self.peel(most).ok_or(Unencodable::Core)?;
        self.solve_sparse(&peeled, columns, self.values);
        if peeled.gap.is_empty() {
            return Ok(());
        }
        self.close_gap(&peeled, columns).ok_or(Unencodable::Core)
    }

    /// `None` if more than `most` keys are left.
    fn peel(&self, most: usize) -> Option<Peeled> {
        let mut core = Core::new(self.rows, self.sparse);
        let mut peeled = Peeled {
            order: Vec::with_capacity(self.rows.len()),
            gap: Vec::new(),
        };
        loop {
            core.peel(self.rows, &mut peeled.order);
            if peeled.order.len() + peeled.gap.len() == self.rows.len() {
                return Some(peeled);
            }
            if peeled.gap.len() == most {
                return None;
            }
            peeled.gap.push(core.give_up_one(self.rows));
        }
    }

    /// Gives every peeled key's column what makes the key decode to its value of `values`.
    fn solve_sparse(&self, peeled: &Peeled, columns: &mut [Gf128], values: &[Gf128]) {
        let has_dense = columns[self.sparse..].iter().any(|&d| d != Gf128::ZERO);
        for &(row, column) in peeled.order.iter().rev() {
            let row = usize::from(row);
            columns[usize::from(column)] = Gf128::ZERO;
            let mut value = values[row] + self.sparse_part(row, columns);
            if has_dense {
                value += self.dense_part(row, columns);
            }
            columns[usize::from(column)] = value;
        }
    }

    fn close_gap(&self, peeled: &Peeled, columns: &mut [Gf128]) -> Option<()> {
        let zeros = vec![Gf128::ZERO; self.values.len()];
        // The change of all columns when one dense column changes by one.
        let changes: Vec<Vec<Gf128>> = (self.sparse..columns.len())
            .map(|dense| {
                let mut change = vec![Gf128::ZERO; columns.len()];
                change[dense] = Gf128::ONE;
                self.solve_sparse(peeled, &mut change, &zeros);
                change
            })
            .collect();
        let mut equations: Vec<Vec<Gf128>> = peeled
            .gap
            .iter()
            .map(|&row| {
                let row = usize::from(row);
                let missing = self.values[row] + self.decoded(row, columns);
                let terms = changes.iter().map(|change| self.decoded(row, change));
                terms.chain([missing]).collect()
            })
            .collect();
        let factors = solve(&mut equations, changes.len())?;
        for (change, factor) in changes.iter().zip(factors) {
            mihe_gf128::add_multiples(columns, change, factor);
        }
        Some(())
    }

    fn decoded(&self, row: usize, columns: &[Gf128]) -> Gf128 {
        self.sparse_part(row, columns) + self.dense_part(row, columns)
    }

    fn sparse_part(&self, row: usize, columns: &[Gf128]) -> Gf128 {
        let places = self.rows[row];
        places
            .iter()
            .map(|&column| columns[usize::from(column)])
            .sum()
    }

    fn dense_part(&self, row: usize, columns: &[Gf128]) -> Gf128 {
        let key = self.dense[row];
        let dense = &columns[self.sparse..];
        dense
            .iter()
            .rev()
            .fold(Gf128::ZERO, |sum, &column| key * (sum + column))
    }
}

/// The keys that are not peeled yet, seen from the columns.
struct Core {
    /// How many of them a column has.
    counts: Vec<u16>,
    /// Their exclusive or: where the count is one, the key itself.
    folded: Vec<u16>,
    /// Columns that had one key when they were noted.
    lonely: Vec<u16>,
    taken: Vec<bool>,
}

impl Core {
    fn new(rows: &[Columns], sparse: usize) -> Self {
        let (mut counts, mut folded) = (vec![0u16; sparse], vec![0u16; sparse]);
        for (row, columns) in (0u16..).zip(rows) {
            for &column in columns {
                counts[usize::from(column)] += 1;
                folded[usize::from(column)] ^= row;
            }
        }
        let lonely = (0u16..)
            .zip(&counts)
            .filter_map(|(column, &count)| (count == 1).then_some(column))
            .collect();
        Self {
            counts,
            folded,
            lonely,
            taken: vec![false; rows.len()],
        }
    }

    fn peel(&mut self, rows: &[Columns], order: &mut Vec<(u16, u16)>) {
        while let Some(column) = self.lonely.pop() {
            if self.counts[usize::from(column)] == 1 {
                let row = self.folded[usize::from(column)];
                order.push((row, column));
                self.take(row, rows);
            }
        }
    }

    /// Takes a key out of a column that has fewest, so that peeling goes on.
    fn give_up_one(&mut self, rows: &[Columns]) -> u16 {
        let weight = |row: &Columns| {
            row.map(|column| self.counts[usize::from(column)])
                .into_iter()
                .min()
        };
        let left = (0u16..)
            .zip(rows)
            .filter(|&(row, _)| !self.taken[usize::from(row)]);
        // There is one: the caller counts.
        let row = left
            .min_by_key(|(_, columns)| weight(columns))
            .map_or(0, |(row, _)| row);
        self.take(row, rows);
        row
    }

    fn take(&mut self, row: u16, rows: &[Columns]) {
        self.taken[usize::from(row)] = true;
        for column in rows[usize::from(row)] {
            let (count, folded) = (
                &mut self.counts[usize::from(column)],
                &mut self.folded[usize::from(column)],
            );
            *count -= 1;
            *folded ^= row;
            if *count == 1 {
                self.lonely.push(column);
            }
        }
    }
}

/// A solution of linear equations, each its coefficients and then its right side; `None` if their left sides
/// depend on each other. Unknowns that are not needed are zero.
fn solve(equations: &mut [Vec<Gf128>], unknowns: usize) -> Option<Vec<Gf128>> {
    let mut pivots = Vec::with_capacity(equations.len());
    for index in 0..equations.len() {
        let pivot = (0..unknowns).find(|&unknown| equations[index][unknown] != Gf128::ZERO)?;
        let inverse = equations[index][pivot].invert();
        let scaled: Vec<Gf128> = equations[index]
            .iter()
            .map(|&term| term * inverse)
            .collect();
        for (other, equation) in equations.iter_mut().enumerate() {
            if other != index {
                let factor = equation[pivot];
                mihe_gf128::add_multiples(equation, &scaled, factor);
            }
        }
        equations[index] = scaled;
        pivots.push(pivot);
    }
    let mut solution = vec![Gf128::ZERO; unknowns];
    for (pivot, equation) in pivots.into_iter().zip(equations.iter()) {
        solution[pivot] = equation[unknowns];
    }
    Some(solution)
}
