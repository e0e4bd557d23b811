//! The letters of residues by their names in structures.

/// The letter of a residue. Common modified residues have the letter of what they were made from.
pub(super) fn letter(name: &str) -> Option<u8> {
    Some(match name {
        "ALA" => b'A',
        "ARG" => b'R',
        "ASN" => b'N',
        "ASP" => b'D',
        "CYS" | "CSO" | "CME" | "CSD" | "OCS" => b'C',
        "GLN" => b'Q',
        "GLU" | "PCA" => b'E',
        "GLY" => b'G',
        "HIS" => b'H',
        "ILE" => b'I',
        "LEU" => b'L',
        "LYS" | "MLY" | "LLP" | "KCX" => b'K',
        "MET" | "MSE" => b'M',
        "PHE" => b'F',
        "PRO" | "HYP" => b'P',
        "SER" | "SEP" => b'S',
        "THR" | "TPO" => b'T',
        "TRP" => b'W',
        "TYR" | "PTR" => b'Y',
        "VAL" => b'V',
        // The rules of our input have no letter for these (selenocysteine, pyrrolysine, and what is ambiguous).
        "SEC" | "PYL" | "ASX" | "GLX" | "UNK" => b'X',
        _ => return None,
    })
}
