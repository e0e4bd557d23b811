//! The model file: half-precision tensors, and the metadata that describes them.

use std::collections::HashMap;

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use safetensors::{Dtype, SafeTensors};

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

/// An error about the metadata entry `key`.
pub(super) fn metadata(key: &str) -> WeightsError {
    WeightsError::Metadata { key: key.to_owned() }
}

/// An open model file.
pub(super) struct File<'a> {
    tensors: SafeTensors<'a>,
    metadata: HashMap<String, String>,
}

impl<'a> File<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, WeightsError> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        Ok(Self {
            tensors: SafeTensors::deserialize(bytes)?,
            metadata: header.metadata().clone().unwrap_or_default(),
        })
    }

    pub(super) fn text(&self, key: &str) -> Result<&str, WeightsError> {
        self.metadata.get(key).map(String::as_str).ok_or_else(|| metadata(key))
    }

    pub(super) fn number(&self, key: &str) -> Result<usize, WeightsError> {
        self.text(key)?.parse().map_err(|_| metadata(key))
    }

    /// The part for network `n` of a metadata entry. The parts are separated by `;`.
    pub(super) fn entry(&self, n: usize, key: &str) -> Result<&str, WeightsError> {
        self.text(key)?.split(';').nth(n).ok_or_else(|| metadata(key))
    }

    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
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
        // This conversion is exact. It uses special instructions of the processor, because a start should take
        // only milliseconds.
        halves.convert_to_f32_slice(&mut values);
        Ok(values)
    }
}
