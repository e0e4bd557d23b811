//! Reads the model file: half-precision tensors and the numbers that describe them.

use std::collections::HashMap;

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use safetensors::{Dtype, SafeTensors};

use super::decode::Rules;
use super::kernel::Matrix;

/// Raw outputs of the network for each residue: SS8 8, ACC 3, RSA 1, DIS 1, TM 6.
pub(super) const OUTPUTS: usize = 19;

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
pub(super) enum WeightsError {
    #[error("not a safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    #[error("tensor {name} is {found}, expected f16 {expected:?}")]
    Shape { name: String, found: String, expected: Vec<usize> },
    #[error("metadata {key} is missing or not understood")]
    Metadata { key: String },
}

/// One residual block: a dilated convolution as one matrix a tap, then a mix of channels.
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
    /// Embedding row of each byte; letters that the network does not know share that of `X`.
    row_of: [usize; 256],
}

impl Net {
    /// Embedding (`width` numbers) of a residue's letter.
    pub(super) fn embedding(&self, aa: u8) -> &[f32] {
        let row = self.row_of[usize::from(aa)];
        &self.embed[row * self.width..(row + 1) * self.width]
    }

    /// How many residues to each side the widest convolution looks.
    pub(super) fn reach(&self) -> usize {
        self.blocks.iter().map(|b| b.taps.len() / 2 * b.dilation).max().unwrap_or(0)
    }
}

/// What a model file holds: networks whose probabilities are averaged, and the rules of the labels.
#[derive(Debug)]
pub(super) struct Weights {
    /// At least one.
    pub(super) nets: Vec<Net>,
    pub(super) rules: Rules,
}

impl Weights {
    /// Reads a model file; see `training/weights.py` for the layout.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WeightsError> {
        let file = File::open(bytes)?;
        let nets =
            (0..file.text("width")?.split(';').count()).map(|n| file.net(n)).collect::<Result<_, _>>()?;
        Ok(Self { nets, rules: Rules::read(|key| file.text(key), |key| file.number(key))? })
    }
}

/// Name, version and citation in a model file.
pub(super) fn told(bytes: &[u8]) -> Result<[String; 3], WeightsError> {
    let file = File::open(bytes)?;
    let [name, version, citation] =
        ["name", "version", "citation"].map(|key| file.text(key).map(str::to_owned));
    Ok([name?, version?, citation?])
}

/// An error about the metadata entry `key`.
pub(super) fn metadata(key: &str) -> WeightsError {
    WeightsError::Metadata { key: key.to_owned() }
}

struct File<'a> {
    tensors: SafeTensors<'a>,
    metadata: HashMap<String, String>,
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, WeightsError> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        Ok(Self {
            tensors: SafeTensors::deserialize(bytes)?,
            metadata: header.metadata().clone().unwrap_or_default(),
        })
    }

    fn text(&self, key: &str) -> Result<&str, WeightsError> {
        self.metadata.get(key).map(String::as_str).ok_or_else(|| metadata(key))
    }

    fn number(&self, key: &str) -> Result<usize, WeightsError> {
        self.text(key)?.parse().map_err(|_| metadata(key))
    }

    /// The entry of network `n` in a list with `;` between them.
    fn entry(&self, n: usize, key: &str) -> Result<&str, WeightsError> {
        self.text(key)?.split(';').nth(n).ok_or_else(|| metadata(key))
    }

    fn net(&self, n: usize) -> Result<Net, WeightsError> {
        let number = |key: &str| self.entry(n, key)?.parse::<usize>().map_err(|_| metadata(key));
        let (width, kernel) = (number("width")?, number("kernel")?);
        // The kernel's vectors fill whole panels only if the width is a multiple of them.
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

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let view = self.tensors.tensor(name)?;
        if view.dtype() != Dtype::F16 || view.shape() != shape {
            return Err(WeightsError::Shape {
                name: name.to_owned(),
                found: format!("{:?} {:?}", view.dtype(), view.shape()),
                expected: shape.to_vec(),
            });
        }
        let halves: Vec<f16> =
            view.data().as_chunks::<2>().0.iter().map(|&half| f16::from_le_bytes(half)).collect();
        let mut values = vec![0.0; halves.len()];
        // Exact, by instructions for it where the machine has them: a start is to take milliseconds.
        halves.convert_to_f32_slice(&mut values);
        Ok(values)
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
