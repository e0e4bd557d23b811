//! The networks of a model file, in single precision and packed for this machine.

use super::file::{File, OUTPUTS, WeightsError, metadata};
use super::kernel::Matrix;

/// One residual block: a dilated convolution with one matrix for each tap, then a mix of channels.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) dilation: usize,
    pub(super) taps: Vec<Matrix>,
    pub(super) wide_bias: Vec<f32>,
    pub(super) mix: Matrix,
    pub(super) mix_bias: Vec<f32>,
}

/// One network in single precision, packed for this machine's vectors.
#[derive(Debug)]
pub(super) struct Net {
    pub(super) width: usize,
    pub(super) outputs: usize,
    pub(super) blocks: Vec<Block>,
    pub(super) hidden: Matrix,
    pub(super) hidden_bias: Vec<f32>,
    pub(super) out: Matrix,
    pub(super) out_bias: Vec<f32>,
    embed: Vec<f32>,
    /// The row of the embedding for each byte. Letters that the network does not know have the row of `X`.
    row_of: [usize; 256],
}

impl Net {
    /// The embedding (`width` numbers) of a residue's letter.
    pub(super) fn embedding(&self, aa: u8) -> &[f32] {
        let row = self.row_of[usize::from(aa)];
        &self.embed[row * self.width..(row + 1) * self.width]
    }

    /// The number of residues on each side that the widest convolution covers.
    pub(super) fn reach(&self) -> usize {
        self.blocks.iter().map(|b| b.taps.len() / 2 * b.dilation).max().unwrap_or(0)
    }
}

impl File<'_> {
    /// All networks, at least one. `training/weights.py` describes the layout.
    pub(super) fn nets(&self) -> Result<Vec<Net>, WeightsError> {
        (0..self.text("width")?.split(';').count()).map(|n| self.net(n)).collect()
    }

    fn net(&self, n: usize) -> Result<Net, WeightsError> {
        let number = |key: &str| self.entry(n, key)?.parse::<usize>().map_err(|_| metadata(key));
        let (width, kernel) = (number("width")?, number("kernel")?);
        // A panel has at most 32 outputs (two vectors of 16). A width that is a multiple of 32 needs no padding.
        if !width.is_multiple_of(32) || width == 0 {
            return Err(metadata("width"));
        }
        if kernel % 2 == 0 {
            return Err(metadata("kernel"));
        }
        let dilations: Vec<usize> = (self.entry(n, "dilations")?.split(','))
            .map(|d| d.parse().map_err(|_| metadata("dilations")))
            .collect::<Result<_, _>>()?;
        let blocks = (dilations.iter().enumerate())
            .map(|(i, &dilation)| self.block(&format!("{n}.block.{i}"), dilation, width, kernel))
            .collect::<Result<_, _>>()?;
        let inputs = self.text("inputs")?.as_bytes();
        let unknown = inputs.iter().position(|&aa| aa == b'X').ok_or_else(|| metadata("inputs"))?;
        let mut row_of = [unknown; 256];
        for (row, &aa) in inputs.iter().enumerate() {
            row_of[usize::from(aa)] = row;
        }
        let tensor = |name: &str, shape: &[usize]| self.tensor(&format!("{n}.{name}"), shape);
        let out = Matrix::pack(&tensor("out", &[width, OUTPUTS])?, width, OUTPUTS);
        let mut out_bias = tensor("out.bias", &[OUTPUTS])?;
        out_bias.resize(out.outputs(), 0.0);
        Ok(Net {
            width,
            outputs: OUTPUTS,
            blocks,
            hidden: Matrix::pack(&tensor("hidden", &[width, width])?, width, width),
            hidden_bias: tensor("hidden.bias", &[width])?,
            out,
            out_bias,
            embed: tensor("embed", &[inputs.len(), width])?,
            row_of,
        })
    }

    fn block(&self, name: &str, dilation: usize, width: usize, kernel: usize) -> Result<Block, WeightsError> {
        let wide = self.tensor(&format!("{name}.wide"), &[kernel, width, width])?;
        let mix = self.tensor(&format!("{name}.mix"), &[width, width])?;
        Ok(Block {
            dilation,
            taps: wide.chunks_exact(width * width).map(|tap| Matrix::pack(tap, width, width)).collect(),
            wide_bias: self.tensor(&format!("{name}.wide.bias"), &[width])?,
            mix: Matrix::pack(&mix, width, width),
            mix_bias: self.tensor(&format!("{name}.mix.bias"), &[width])?,
        })
    }
}
