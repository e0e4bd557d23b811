//! The list of the properties of a residue, with their alphabets and the meaning of each letter.

/// One letter of a property's alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// The letter in label strings.
    pub letter: u8,
    /// Its meaning, in lower case.
    pub meaning: &'static str,
}

const fn class(letter: u8, meaning: &'static str) -> Class {
    Class { letter, meaning }
}

/// A property that every engine predicts for each residue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Property {
    /// Secondary structure in three states.
    Ss3,
    /// Secondary structure in eight states (DSSP; Kabsch & Sander 1983).
    Ss8,
    /// Solvent accessibility in three classes of relative accessible surface.
    Acc,
    /// Disorder: residues without a fixed position in the structure.
    Dis,
    /// Transmembrane segments in two states.
    Tm2,
    /// Transmembrane topology in eight states (the letters of `PDBTM`).
    Tm8,
}

/// Every property, in the order of the classic output.
pub const PROPERTIES: &[Property] =
    &[Property::Ss3, Property::Ss8, Property::Acc, Property::Dis, Property::Tm2, Property::Tm8];

/// The rule of [`ss3_of_ss8`], in words. It is part of the method in every JSON result.
pub const SS3_REDUCTION: &str = "H = H G I, E = E B, C = the rest";

/// The state of SS3 (`H E C`) that a state of SS8 belongs to.
#[must_use]
pub const fn ss3_of_ss8(ss8: u8) -> u8 {
    match ss8 {
        b'H' | b'G' | b'I' => b'H',
        b'E' | b'B' => b'E',
        _ => b'C',
    }
}

impl Property {
    /// The upper-case code of the classic API: `SS3`, `SS8`, `ACC`, `DIS`, `TM2`, `TM8`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ss3 => "SS3",
            Self::Ss8 => "SS8",
            Self::Acc => "ACC",
            Self::Dis => "DIS",
            Self::Tm2 => "TM2",
            Self::Tm8 => "TM8",
        }
    }

    /// The lower-case key in JSON and table headers.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Ss3 => "ss3",
            Self::Ss8 => "ss8",
            Self::Acc => "acc",
            Self::Dis => "dis",
            Self::Tm2 => "tm2",
            Self::Tm8 => "tm8",
        }
    }

    /// Its title, for people to read.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ss3 => "secondary structure, 3 states",
            Self::Ss8 => "secondary structure, 8 states",
            Self::Acc => "solvent accessibility",
            Self::Dis => "disorder",
            Self::Tm2 => "transmembrane, 2 states",
            Self::Tm8 => "transmembrane topology, 8 states",
        }
    }

    /// The letters, in the order of the probability columns of a [`Track`](crate::Track).
    #[must_use]
    pub const fn alphabet(self) -> &'static [Class] {
        match self {
            Self::Ss3 => const { &[class(b'H', "helix"), class(b'E', "strand"), class(b'C', "coil")] },
            Self::Ss8 => {
                const {
                    &[
                        class(b'H', "alpha helix"),
                        class(b'G', "3-10 helix"),
                        class(b'I', "pi helix"),
                        class(b'E', "extended strand"),
                        class(b'B', "isolated bridge"),
                        class(b'T', "turn"),
                        class(b'S', "bend"),
                        class(b'L', "loop"),
                    ]
                }
            }
            Self::Acc => {
                const {
                    &[
                        class(b'B', "buried, up to 10 % accessible"),
                        class(b'M', "medium, up to 40 % accessible"),
                        class(b'E', "exposed, over 40 % accessible"),
                    ]
                }
            }
            Self::Dis => const { &[class(b'*', "disordered"), class(b'.', "ordered")] },
            Self::Tm2 => const { &[class(b'H', "transmembrane"), class(b'_', "not transmembrane")] },
            Self::Tm8 => {
                const {
                    &[
                        class(b'H', "transmembrane helix"),
                        class(b'E', "transmembrane strand"),
                        class(b'C', "transmembrane coil"),
                        class(b'I', "inside the membrane"),
                        class(b'L', "membrane loop"),
                        class(b'F', "interfacial"),
                        class(b'X', "unknown"),
                        class(b'_', "not transmembrane"),
                    ]
                }
            }
        }
    }

    /// The column of `letter` in this property's probabilities.
    #[must_use]
    pub fn column(self, letter: u8) -> Option<usize> {
        self.alphabet().iter().position(|c| c.letter == letter)
    }
}
