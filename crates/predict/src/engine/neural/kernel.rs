//! The inner loop of the network: rows times a matrix, added to other rows. The result is the same to the
//! bit on every machine.
//!
//! Outputs are spread over the lanes of a vector, and inputs are summed one after the other. So each output
//! is the same sequence of fused multiply-adds, whether a vector holds 1, 4, 8 or 16 numbers and however
//! many rows are processed at a time.

use pulp::{Arch, Simd, WithSimd};

/// Rows (residues) of a tile. Their sums, two vectors of outputs for each row, fill twelve of the sixteen
/// registers of the smallest instruction sets. That is enough to hide the latency of a multiply-add.
const TILE_ROWS: usize = 6;

/// A matrix of `inputs` x `outputs`. It is stored in panels, as `[panel][input][output in panel]`. A panel
/// has as many outputs as two vectors hold. Outputs are padded with zeros to whole panels.
#[derive(Debug)]
pub(super) struct Matrix {
    inputs: usize,
    outputs: usize,
    panel: usize,
    packed: Vec<f32>,
}

impl Matrix {
    /// Packs `values` (`inputs` rows of `outputs` numbers) for the vectors of this machine.
    pub(super) fn pack(values: &[f32], inputs: usize, outputs: usize) -> Self {
        Self::pack_for(Arch::new().dispatch(Lanes), values, inputs, outputs)
    }

    fn pack_for(lanes: usize, values: &[f32], inputs: usize, outputs: usize) -> Self {
        let panel = 2 * lanes;
        let padded = outputs.next_multiple_of(panel);
        let mut packed = vec![0.0; padded * inputs];
        for (p, packed) in packed.chunks_exact_mut(panel * inputs).enumerate() {
            let columns = p * panel..outputs.min((p + 1) * panel);
            for (row, packed) in values.chunks_exact(outputs).zip(packed.chunks_exact_mut(panel)) {
                packed[..columns.len()].copy_from_slice(&row[columns.clone()]);
            }
        }
        Self { inputs, outputs: padded, panel, packed }
    }

    /// Numbers in a row of the result, padding included.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// `out[r] += x[r] * self` for each row `r`. Both have the same number of rows. A row of `x` has `inputs`
    /// numbers, a row of `out` has [`outputs`](Self::outputs) numbers.
    pub(super) fn add_product(&self, x: &[f32], out: &mut [f32]) {
        debug_assert_eq!(x.len() / self.inputs, out.len() / self.outputs);
        Arch::new().dispatch(AddProduct { matrix: self, x, out });
    }
}

/// The number of f32 in a vector of this machine.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

struct AddProduct<'a> {
    matrix: &'a Matrix,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for AddProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Matrix { inputs, outputs, panel, .. } = *self.matrix;
        // The panel of one tap stays in the first-level cache while all rows are multiplied by it.
        for (p, weights) in self.matrix.packed.chunks_exact(panel * inputs).enumerate() {
            let (weights, _) = S::as_simd_f32s(weights);
            let columns = p * panel..(p + 1) * panel;
            let mut x = self.x.chunks_exact(inputs * TILE_ROWS);
            let mut out = self.out.chunks_exact_mut(outputs * TILE_ROWS);
            for (x, out) in (&mut x).zip(&mut out) {
                tile::<S, TILE_ROWS>(simd, weights, x, out, inputs, outputs, columns.start);
            }
            let last = out.into_remainder().chunks_exact_mut(outputs);
            for (x, out) in x.remainder().chunks_exact(inputs).zip(last) {
                tile::<S, 1>(simd, weights, x, out, inputs, outputs, columns.start);
            }
        }
    }
}

/// Multiplies `R` rows by one panel. The sums stay in registers.
#[inline(always)]
fn tile<S: Simd, const R: usize>(
    simd: S,
    weights: &[S::f32s],
    x: &[f32],
    out: &mut [f32],
    inputs: usize,
    outputs: usize,
    column: usize,
) {
    let rows: [&[f32]; R] = std::array::from_fn(|r| &x[r * inputs..(r + 1) * inputs]);
    let mut sums: [[S::f32s; 2]; R] = std::array::from_fn(|r| {
        let (vectors, _) = S::as_simd_f32s(&out[r * outputs + column..]);
        [vectors[0], vectors[1]]
    });
    for (i, weight) in weights.chunks_exact(2).enumerate().take(inputs) {
        for r in 0..R {
            let value = simd.splat_f32s(rows[r][i]);
            sums[r][0] = simd.mul_add_f32s(value, weight[0], sums[r][0]);
            sums[r][1] = simd.mul_add_f32s(value, weight[1], sums[r][1]);
        }
    }
    for (r, sum) in sums.into_iter().enumerate() {
        let (vectors, _) = S::as_mut_simd_f32s(&mut out[r * outputs + column..]);
        vectors[..2].copy_from_slice(&sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 13 rows (two tiles and one more row), 21 inputs and 19 outputs (the last panel is padded).
    const SHAPE: (usize, usize, usize) = (13, 21, 19);

    fn number(i: usize) -> f32 {
        f32::from(u16::try_from(i * 7919 % 1009).unwrap()) / 504.5 - 1.0
    }

    fn check(lanes: usize, add_product: impl Fn(&Matrix, &[f32], &mut [f32])) {
        let (rows, inputs, outputs) = SHAPE;
        let x: Vec<f32> = (0..rows * inputs).map(number).collect();
        let w: Vec<f32> = (0..inputs * outputs).map(|i| number(i + 31)).collect();
        let matrix = Matrix::pack_for(lanes, &w, inputs, outputs);
        let mut out = vec![0.25; rows * matrix.outputs()];
        add_product(&matrix, &x, &mut out);
        for r in 0..rows {
            for o in 0..outputs {
                let term = |sum: f32, i: usize| x[r * inputs + i].mul_add(w[i * outputs + o], sum);
                let expected = (0..inputs).fold(0.25_f32, term);
                let found = out[r * matrix.outputs() + o];
                assert_eq!(found.to_bits(), expected.to_bits(), "{r} {o}");
            }
        }
    }

    /// Compares one instruction set with sums in plain order. Returns its lanes.
    fn check_set<S: Simd>(simd: S) -> usize {
        let lanes = S::F32_LANES;
        check(lanes, |matrix, x, out| Simd::vectorize(simd, AddProduct { matrix, x, out }));
        lanes
    }

    /// Compares the vector instruction sets that this machine has. Returns their names and lanes.
    #[cfg(target_arch = "x86_64")]
    fn check_vector_sets() -> Vec<(&'static str, usize)> {
        let avx2 = pulp::x86::V3::try_new().map(|simd| ("avx2", check_set(simd)));
        avx2.into_iter().collect()
    }

    #[cfg(target_arch = "aarch64")]
    fn check_vector_sets() -> Vec<(&'static str, usize)> {
        pulp::aarch64::Neon::try_new().map(|simd| ("neon", check_set(simd))).into_iter().collect()
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn check_vector_sets() -> Vec<(&'static str, usize)> {
        Vec::new()
    }

    /// The vector instruction sets of this machine as the standard library reports them, independent of `pulp`.
    fn sets_of_this_machine() -> Vec<&'static str> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return vec!["avx2"];
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            return vec!["neon"];
        }
        Vec::new()
    }

    #[test]
    fn every_instruction_set_of_this_machine_sums_in_the_plain_order() {
        let scalar = check_set(pulp::Scalar);
        let compared = check_vector_sets();
        let names: Vec<&str> = compared.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, sets_of_this_machine(), "an instruction set of this machine was not compared");
        // The instruction set that predictions use, which may have wider vectors.
        let used = Arch::new().dispatch(Lanes);
        check(used, Matrix::add_product);
        assert!(
            names.is_empty() || used > scalar,
            "this machine has {names:?}, but predictions use no vectors"
        );
        println!("compared: scalar ({scalar}), {compared:?}, and the one in use ({used})");
    }
}
