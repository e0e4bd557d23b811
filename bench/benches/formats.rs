//! Measures how fast one result of 350 residues is written in every format and in its stored form.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pssp_predict::engine::Neural;
use pssp_predict::format::{Entry, FORMATS, write};
use pssp_predict::structure::Structure;
use pssp_predict::{Cancel, Engine, Prediction, Sequence};

const LENGTH: usize = 350;

fn example() -> Option<(Sequence, Prediction)> {
    let sequence: Sequence = pssp_bench::sequence(LENGTH, 1).parse().ok()?;
    let prediction = Neural::load().ok()?.predict(&sequence, &Cancel::new()).ok()?;
    Some((sequence, prediction))
}

fn formats(c: &mut Criterion) {
    let Some((sequence, prediction)) = example() else { panic!("the model is damaged") };
    let (edits, warnings) = (&[], &[]);
    let entry = Entry {
        id: "chain",
        name: None,
        header: None,
        sequence: &sequence,
        prediction: &prediction,
        edits,
        warnings,
        structure: Structure::default(),
    };
    let mut group = c.benchmark_group("write");
    group.throughput(Throughput::Elements(LENGTH as u64));
    for &format in FORMATS {
        group.bench_with_input(BenchmarkId::from_parameter(format.extension()), &format, |b, &format| {
            let mut out = Vec::new();
            b.iter(|| {
                out.clear();
                write(format, &entry, &mut out).map(|()| out.len())
            });
        });
    }
    group.finish();
}

fn stored(c: &mut Criterion) {
    let Some((_, prediction)) = example() else { panic!("the model is damaged") };
    let bytes = prediction.encode();
    c.bench_function("encode", |b| b.iter(|| prediction.encode().len()));
    c.bench_function("decode", |b| b.iter(|| Prediction::decode(&bytes).map(|p| p.len())));
}

criterion_group!(benches, formats, stored);
criterion_main!(benches);
