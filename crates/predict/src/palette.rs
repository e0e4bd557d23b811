//! The colours of pictures and of structures: those of Okabe and Ito (2008), which colour-blind people can tell apart.

/// Helix.
pub(crate) const HELIX: &str = "#d55e00";
/// Strand.
pub(crate) const STRAND: &str = "#0072b2";
/// Coil.
pub(crate) const COIL: &str = "#6b6b6b";
/// What lies in a membrane.
pub(crate) const MEMBRANE: &str = "#009e73";
/// What the solvent reaches.
pub(crate) const ACCESSIBLE: &str = "#56b4e9";
/// What the solvent does not reach.
pub(crate) const BURIED: &str = "#5f4b32";
/// What is disordered.
pub(crate) const DISORDER: &str = "#b8437f";
/// Turns and bends.
pub(crate) const TURN: &str = "#e69f00";
