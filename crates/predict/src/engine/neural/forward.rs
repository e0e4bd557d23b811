//! One pass of the network over one chain: residues in, raw outputs (logits) out.
//!
//! There are only two buffers, with one row for each residue. So memory grows linearly with the length:
//! 10,000 residues at width 128 take 11 MB. Positions outside the chain are zero for every convolution, as
//! in training. The sums of each residue have a fixed order. So the output of a residue that is far from
//! both ends does not depend on the length of the chain.

use super::weights::{Block, Net};
use crate::{Cancel, EngineError};

/// Residues whose intermediate rows are computed together, so that the rows stay in the second-level cache.
/// A multiple of the rows of a kernel tile.
const STRIP_ROWS: usize = 96;

/// Raw outputs, [`Net::outputs`] numbers for each of `residues` (letters, upper case).
///
/// # Errors
/// [`EngineError::Cancelled`] soon after `cancel` is set.
pub(super) fn run(net: &Net, residues: &[u8], cancel: &Cancel) -> Result<Vec<f32>, EngineError> {
    let width = net.width;
    let mut h: Vec<f32> = residues.iter().flat_map(|&aa| net.embedding(aa)).copied().collect();
    let reach = net.reach();
    // relu(h) with margins of zeros for the positions outside the chain.
    let mut active = vec![0.0; (residues.len() + 2 * reach) * width];
    for block in &net.blocks {
        for (a, &value) in active[reach * width..].iter_mut().zip(&h) {
            *a = relu(value);
        }
        add_block(net, block, &active, &mut h, cancel)?;
    }
    Ok(head(net, &h))
}

/// `h += B relu(A active + a) + b`, strip by strip: `A` is the dilated convolution, `B` mixes the channels.
fn add_block(
    net: &Net,
    block: &Block,
    active: &[f32],
    h: &mut [f32],
    cancel: &Cancel,
) -> Result<(), EngineError> {
    let (width, reach) = (net.width, net.reach());
    let mut inner = Vec::with_capacity(STRIP_ROWS * width);
    for (strip, h) in h.chunks_mut(STRIP_ROWS * width).enumerate() {
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let rows = h.len() / width;
        repeat(&block.wide_bias, rows, &mut inner);
        let centre = block.taps.len() / 2;
        for (tap, matrix) in block.taps.iter().enumerate() {
            let first = strip * STRIP_ROWS + reach + tap * block.dilation - centre * block.dilation;
            matrix.add_product(&active[first * width..(first + rows) * width], &mut inner);
        }
        inner.iter_mut().for_each(|value| *value = relu(*value));
        for row in h.chunks_exact_mut(width) {
            row.iter_mut().zip(&block.mix_bias).for_each(|(value, bias)| *value += bias);
        }
        block.mix.add_product(&inner, h);
    }
    Ok(())
}

/// `W2 relu(W1 relu(h) + w1) + w2`, without the padding of the packed matrices.
fn head(net: &Net, h: &[f32]) -> Vec<f32> {
    let (width, outputs) = (net.width, net.outputs);
    let mut found = Vec::with_capacity(h.len() / width * outputs);
    let (mut hidden, mut out) = (Vec::new(), Vec::new());
    for strip in h.chunks(STRIP_ROWS * width) {
        let rows = strip.len() / width;
        let active: Vec<f32> = strip.iter().copied().map(relu).collect();
        repeat(&net.hidden_bias, rows, &mut hidden);
        net.hidden.add_product(&active, &mut hidden);
        hidden.iter_mut().for_each(|value| *value = relu(*value));
        repeat(&net.out_bias, rows, &mut out);
        net.out.add_product(&hidden, &mut out);
        for row in out.chunks_exact(net.out.outputs()) {
            found.extend_from_slice(&row[..outputs]);
        }
    }
    found
}

/// `max(x, 0)`, written so that -0 and NaN have the same result on all machines.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

/// Fills `out` with `rows` copies of `row`.
fn repeat(row: &[f32], rows: usize, out: &mut Vec<f32>) {
    out.clear();
    for _ in 0..rows {
        out.extend_from_slice(row);
    }
}
