//! Encode: peel keys that have a column of their own, solve the few that are left with the dense columns.
//!
//! Peeling is that of Molloy's cores, with one exclusive or of all keys of a column instead of a list of them. A key
//! that is left in a core goes to the *gap*. Everything is linear in the dense columns, so with g ≥ 1 keys in the gap
//! the sparse part is solved once with the dense columns as they are and once for each unit vector, and the gap's g
//! equations say which combination it must be. A gap is rare: about one cluster in 2^14.

use core::fmt;

use mihe_gf128::{Gf128, add_multiples};
use rayon::prelude::*;

use crate::decode::sparse_part;
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
        Fill::Zero => bytemuck::zeroed_vec(placed.shape.len()),
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
                placed,
                start: bounds[0],
                rows: &placed.columns[slots.clone()],
                values: &values[slots],
            }
            .encode(columns)
        })?;
    Ok(store)
}

/// The keys of one cluster.
struct Cluster<'a> {
    placed: &'a Placed,
    start: usize,
    rows: &'a [Columns],
    values: &'a [Gf128],
}

/// Which key determines which column, in the order of peeling; and the keys that determine none.
struct Peeled {
    order: Vec<(u16, u16)>,
    gap: Vec<u16>,
}

impl Cluster<'_> {
    fn encode(&self, columns: &mut [Gf128]) -> Result<(), Unencodable> {
        if self.rows.len() > self.placed.shape.capacity {
            return Err(Unencodable::Overflow);
        }
        let (sparse, dense) = columns.split_at_mut(self.placed.shape.sparse);
        let peeled = self.peel(dense.len()).ok_or(Unencodable::Core)?;
        if peeled.gap.is_empty() && dense.iter().all(|&column| column == Gf128::ZERO) {
            self.solve_sparse(&peeled, sparse, self.values);
            return Ok(());
        }
        let mut rest = self.dense_parts(dense);
        for (rest, &value) in rest.iter_mut().zip(self.values) {
            *rest += value;
        }
        self.solve_sparse(&peeled, sparse, &rest);
        self.close_gap(&peeled, sparse, dense, &rest)
            .ok_or(Unencodable::Core)
    }

    /// `None` if more than `most` keys are left.
    fn peel(&self, most: usize) -> Option<Peeled> {
        let mut core = Core::new(self.rows, self.placed.shape.sparse);
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
            let row = core.give_up_one(self.rows, &peeled);
            peeled.gap.push(row);
        }
    }

    /// Gives every peeled key's column what makes the key's sparse part its value of `values`.
    fn solve_sparse(&self, peeled: &Peeled, sparse: &mut [Gf128], values: &[Gf128]) {
        for &(row, column) in peeled.order.iter().rev() {
            let row = usize::from(row);
            sparse[usize::from(column)] = Gf128::ZERO;
            sparse[usize::from(column)] = values[row] + sparse_part(&self.rows[row], sparse);
        }
    }

    /// Changes the store so that the keys of the gap have their values too; `rest` is what the sparse parts should be.
    fn close_gap(
        &self,
        peeled: &Peeled,
        sparse: &mut [Gf128],
        dense: &mut [Gf128],
        rest: &[Gf128],
    ) -> Option<()> {
        if peeled.gap.is_empty() {
            return Some(());
        }
        // Of every dense column, what one more in it makes of the keys' dense parts and, so that the peeled keys keep
        // their values, of the sparse columns.
        let changes: Vec<(Vec<Gf128>, Vec<Gf128>)> = (0..dense.len())
            .map(|column| {
                let mut unit = vec![Gf128::ZERO; dense.len()];
                unit[column] = Gf128::ONE;
                let parts = self.dense_parts(&unit);
                let mut change = vec![Gf128::ZERO; sparse.len()];
                self.solve_sparse(peeled, &mut change, &parts);
                (parts, change)
            })
            .collect();
        let mut equations: Vec<Vec<Gf128>> = peeled
            .gap
            .iter()
            .map(|&row| {
                let row = usize::from(row);
                let missing = |parts: &[Gf128], sparse: &[Gf128]| {
                    parts[row] + sparse_part(&self.rows[row], sparse)
                };
                let terms = changes.iter().map(|(parts, change)| missing(parts, change));
                terms.chain([missing(rest, sparse)]).collect()
            })
            .collect();
        let factors = solve(&mut equations, changes.len())?;
        for ((column, (_, change)), factor) in dense.iter_mut().zip(&changes).zip(factors) {
            *column += factor;
            add_multiples(sparse, change, factor);
        }
        Some(())
    }

    fn dense_parts(&self, dense: &[Gf128]) -> Vec<Gf128> {
        let mut parts = vec![Gf128::ZERO; self.rows.len()];
        self.placed.dense_parts(self.start, dense, &mut parts);
        parts
    }
}

/// A column's keys that are not peeled yet: how many, and the exclusive or of them all, which is the key itself where it is one.
/// In one word, the number above, so that a key is taken out of it by one subtraction and one exclusive or.
type Column = u32;

const ONE_KEY: Column = 1 << 16;

/// The keys that are not peeled yet, seen from the columns.
struct Core {
    /// As many as a `u16` addresses, so that no index needs a check.
    columns: Box<[Column; 1 << 16]>,
    /// Columns that had one key when they were noted.
    lonely: Vec<u16>,
}

impl Core {
    fn new(rows: &[Columns], sparse: usize) -> Self {
        let mut columns = Box::new([0; 1 << 16]);
        for (row, places) in (0u16..).zip(rows) {
            for &place in places {
                let column = &mut columns[usize::from(place)];
                *column = (*column + ONE_KEY) ^ Column::from(row);
            }
        }
        let lonely = (0u16..)
            .zip(&columns[..sparse])
            .filter_map(|(place, &column)| (column >> 16 == 1).then_some(place))
            .collect();
        Self { columns, lonely }
    }

    fn peel(&mut self, rows: &[Columns], order: &mut Vec<(u16, u16)>) {
        while let Some(place) = self.lonely.pop() {
            let column = self.columns[usize::from(place)];
            if column >> 16 == 1 {
                let row = column as u16;
                order.push((row, place));
                self.take(row, rows);
            }
        }
    }

    /// Takes a key out of a column that has fewest, so that peeling goes on.
    fn give_up_one(&mut self, rows: &[Columns], peeled: &Peeled) -> u16 {
        let mut taken = vec![false; rows.len()];
        for &row in peeled.order.iter().map(|(row, _)| row).chain(&peeled.gap) {
            taken[usize::from(row)] = true;
        }
        let weight = |row: &Columns| {
            row.map(|place| self.columns[usize::from(place)] >> 16)
                .into_iter()
                .min()
        };
        let left = (0u16..)
            .zip(rows)
            .filter(|&(row, _)| !taken[usize::from(row)]);
        // There is one: the caller counts.
        let row = left
            .min_by_key(|(_, columns)| weight(columns))
            .map_or(0, |(row, _)| row);
        self.take(row, rows);
        row
    }

    fn take(&mut self, row: u16, rows: &[Columns]) {
        for place in rows[usize::from(row)] {
            let column = &mut self.columns[usize::from(place)];
            *column = (*column - ONE_KEY) ^ Column::from(row);
            if *column >> 16 == 1 {
                self.lonely.push(place);
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
                add_multiples(equation, &scaled, factor);
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
