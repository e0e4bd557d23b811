//! Three-letter codes of amino acids.

/// Each code and its letter (IUPAC-IUB 1983). Selenomethionine (MSE) replaces methionine in crystal
/// structures, so it is read as methionine.
const CODES: [(&str, char); 27] = [
    ("ALA", 'A'),
    ("ARG", 'R'),
    ("ASN", 'N'),
    ("ASP", 'D'),
    ("CYS", 'C'),
    ("GLN", 'Q'),
    ("GLU", 'E'),
    ("GLY", 'G'),
    ("HIS", 'H'),
    ("ILE", 'I'),
    ("LEU", 'L'),
    ("LYS", 'K'),
    ("MET", 'M'),
    ("MSE", 'M'),
    ("PHE", 'F'),
    ("PRO", 'P'),
    ("SER", 'S'),
    ("THR", 'T'),
    ("TRP", 'W'),
    ("TYR", 'Y'),
    ("VAL", 'V'),
    ("ASX", 'B'),
    ("GLX", 'Z'),
    ("SEC", 'U'),
    ("PYL", 'O'),
    ("XAA", 'X'),
    ("UNK", 'X'),
];

/// The letter of a three-letter code, which may be in upper or lower case.
pub(super) fn letter(code: &str) -> Option<char> {
    CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|&(_, letter)| letter)
}
