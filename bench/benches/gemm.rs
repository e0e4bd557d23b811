//! Compares the speed of the network's inference with a plain matrix product on one core.
//!
//! `cargo bench -p pssp-bench --bench gemm` prints both rates and their ratio. The product is `ndarray`'s.
//! It uses the kernels of the crate `matrixmultiply` (AVX2 with FMA, no AVX-512). Its shape is that of one
//! block of the network: residues x (kernel * width) x width. docs/operations.md also compares with `faer`,
//! which has AVX-512 kernels but is too large a dependency for this purpose.
//!
//! Inference and product are measured alternately, and the fastest turn of each counts. This reduces the
//! influence of other load on the machine.

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use ndarray::Array2;
use pssp_predict::engine::Neural;
use pssp_predict::{Cancel, Engine, Sequence};

const RESIDUES: usize = 4000;
const TURNS: usize = 15;

/// Channels and blocks of the networks in this repository (`model/MODEL_CARD.md`). The ratio is only right for
/// them.
const NETWORKS: [(usize, usize); 2] = [(128, 10), (128, 10)];
const KERNEL: usize = 5;
const OUTPUTS: usize = 19;
/// Channels of the matrix product.
const CHANNELS: usize = NETWORKS[0].0;

/// The number of floating-point operations: two for each weight and residue. Softmax, decoding and padding are
/// not counted, although the measured time of inference includes them.
fn network_operations() -> usize {
    let weights = |(width, blocks): (usize, usize)| {
        blocks * width * width * (KERNEL + 1) + width * width + width * OUTPUTS
    };
    2 * RESIDUES * NETWORKS.into_iter().map(weights).sum::<usize>()
}

/// The time of `work`, in seconds.
fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Neural::load()?;
    let text: String = (0..RESIDUES).map(|i| char::from(b"ACDEFGHIKLMNPQRSTVWY"[i * 7919 % 20])).collect();
    let sequence: Sequence = text.parse()?;
    let value = |(i, j): (usize, usize)| ((i * 31 + j * 17) % 97) as f32 / 97.0 - 0.5;
    let rows = Array2::from_shape_fn((RESIDUES, KERNEL * CHANNELS), value);
    let weights = Array2::from_shape_fn((KERNEL * CHANNELS, CHANNELS), value);
    let (mut network, mut product) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..TURNS {
        network = network.min(seconds(|| engine.predict(&sequence, &Cancel::new())));
        product = product.min(seconds(|| rows.dot(&weights)));
    }
    let network_rate = network_operations() as f64 / network / 1e9;
    let product_rate = (2 * RESIDUES * KERNEL * CHANNELS * CHANNELS) as f64 / product / 1e9;
    writeln!(
        std::io::stdout(),
        "network {network_rate:.1} GFLOP/s ({:.0} residues/s), matrix product {product_rate:.1} GFLOP/s, ratio {:.2}",
        RESIDUES as f64 / network,
        network_rate / product_rate
    )?;
    Ok(())
}
