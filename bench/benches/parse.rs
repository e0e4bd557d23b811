//! Measures how fast sequences are cleaned and FASTA is read.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pssp_predict::fasta::Reader;
use pssp_predict::sequence::{CleanOptions, clean};

fn cleaning(c: &mut Criterion) {
    let mut group = c.benchmark_group("clean");
    let tidy = pssp_bench::sequence(1_000, 1);
    // As in GenBank: numbered lines of six groups of ten letters, lower case.
    let numbered: String = tidy
        .to_ascii_lowercase()
        .as_bytes()
        .chunks(10)
        .enumerate()
        .map(|(i, ten)| {
            format!(
                "{}{} ",
                if i % 6 == 0 { format!("\n{} ", i * 10 + 1) } else { String::new() },
                String::from_utf8_lossy(ten)
            )
        })
        .collect();
    for (name, text) in [("tidy", tidy), ("numbered", numbered)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), &text, |b, text| {
            b.iter(|| clean(text.as_bytes(), &CleanOptions::default()).map(|c| c.sequence.len()));
        });
    }
    group.finish();
}

fn fasta(c: &mut Criterion) {
    let mut group = c.benchmark_group("fasta");
    let text = pssp_bench::fasta(1_000, 350);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("1000 records", |b| {
        b.iter(|| {
            let records = Reader::new(text.as_bytes()).map_while(Result::ok);
            records.filter(|record| record.clean(&CleanOptions::default()).is_ok()).count()
        });
    });
    group.finish();
}

criterion_group!(benches, cleaning, fasta);
criterion_main!(benches);
