//! Measures prediction on one thread, in residues per second, and the loading time of the model.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pssp_predict::engine::Neural;
use pssp_predict::{Cancel, Engine, Sequence};

fn load(c: &mut Criterion) {
    c.bench_function("load model", |b| b.iter(|| Neural::load().map(|n| n.method().version.len())));
}

fn predict(c: &mut Criterion) {
    let Ok(engine) = Neural::load() else { panic!("the model is damaged") };
    let mut group = c.benchmark_group("predict");
    group.sample_size(20);
    for length in [50_usize, 350, 2_000, 10_000] {
        let Ok(sequence) = pssp_bench::sequence(length, 1).parse::<Sequence>() else { panic!("no sequence") };
        group.throughput(Throughput::Elements(length as u64));
        group.bench_with_input(BenchmarkId::from_parameter(length), &sequence, |b, sequence| {
            b.iter(|| engine.predict(sequence, &Cancel::new()).map(|p| p.len()));
        });
    }
    group.finish();
}

criterion_group!(benches, load, predict);
criterion_main!(benches);
