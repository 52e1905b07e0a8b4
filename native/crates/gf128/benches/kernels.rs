//! Products in GF(2^128), per element, on a slice that the second cache holds.
#![allow(missing_docs)] // the macros' functions

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mihe_gf128::{Gf128, add_multiples, add_values, multiply_each};

const ELEMENTS: usize = 1 << 14;

fn elements(label: u128) -> Vec<Gf128> {
    (1..=ELEMENTS as u128)
        .map(|index| {
            Gf128((index ^ label << 64).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
        })
        .collect()
}

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gf128");
    group.throughput(Throughput::Elements(ELEMENTS as u64));
    let (mut sums, terms) = (elements(1), elements(2));
    let coefficients = elements(3)[..3].to_vec();
    group.bench_function("multiply_each", |bencher| {
        bencher.iter(|| multiply_each(black_box(&mut sums), &terms));
    });
    group.bench_function("add_multiples", |bencher| {
        bencher.iter(|| add_multiples(black_box(&mut sums), &terms, coefficients[0]));
    });
    group.bench_function("add_values/3", |bencher| {
        bencher.iter(|| add_values(black_box(&mut sums), &terms, &coefficients));
    });
    group.finish();
}

criterion_group!(benches, products);
criterion_main!(benches);
