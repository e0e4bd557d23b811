//! Formats with exactly one sequence, which are read: PIR, SEQRES of one chain, and the flat files of UniProt,
//! EMBL and GenBank.

use super::super::amino;
use super::super::edit::{Warning, WarningCode};
use super::super::fault::{ErrorCode, InputError};
use super::super::lines::{self, Line};
use super::{Found, foreign_format};

fn warning(message: impl Into<String>) -> Warning {
    Warning::new(WarningCode::ForeignFormat, message)
}

// --- PIR ---------------------------------------------------------------------------------------

/// The two-letter codes at the beginning of a header of PIR (NBRF).
const PIR_CODES: [&str; 9] = ["P1", "F1", "DL", "DC", "RL", "RC", "N1", "N3", "XX"];

/// The name in a header of PIR, given without its `>`: `INS` in `P1;INS`.
pub(crate) fn pir_name(header: &str) -> Option<&str> {
    let (code, name) = header.trim().split_once(';')?;
    PIR_CODES.iter().any(|known| known.eq_ignore_ascii_case(code)).then(|| name.trim())
}

/// Reads a PIR entry. `text` is the text after the header: a title, then the residues.
pub(super) fn pir(text: &str) -> Found {
    let title = lines::all(text).next().unwrap_or_default();
    let is_residues = title.trim().len() >= 10
        && title.trim().trim_end_matches('*').bytes().all(|b| b.is_ascii_uppercase() && b != b'O')
        || title.trim_end().ends_with('*');
    if is_residues {
        let detail = "the second line of a PIR record is its title, but this looks like residues";
        let hint = "put a title line before it, or begin the header without the code: >name";
        return Found::Refused(InputError::new(ErrorCode::ForeignFormat, detail, hint).at(1, 1));
    }
    let residues = " ".repeat(title.chars().count()) + &text[title.len()..];
    Found::Read {
        residues,
        warning: warning("read as PIR: the line after the header is its title, not residues"),
    }
}

// --- SEQRES ------------------------------------------------------------------------------------

/// Reads SEQRES lines of a PDB file, if there are no other lines.
pub(super) fn seqres(text: &str, found: &[Line<'_>]) -> Option<Found> {
    let is_seqres = |line: &Line<'_>| line.words().next() == Some("SEQRES") && line.words().nth(1).is_some();
    if !found.iter().all(is_seqres) {
        return None;
    }
    Some(read_seqres(text, found).unwrap_or_else(Found::Refused))
}

fn read_seqres(text: &str, found: &[Line<'_>]) -> Result<Found, InputError> {
    let mut rows: Vec<Vec<u8>> = lines::all(text).map(|line| vec![b' '; line.chars().count()]).collect();
    let mut first: Option<Seqres<'_>> = None;
    let mut count = 0;
    for line in found {
        let row = Seqres::parse(line)?;
        let chain = first.as_ref().map_or(row.chain, |first| first.chain);
        if row.chain != chain {
            let detail = format!("SEQRES lines of chain {chain} and of chain {}", row.chain);
            let hint = "send the lines of one chain alone";
            return Err(InputError::new(ErrorCode::SeveralChains, detail, hint).at(line.number, 1));
        }
        // The codes are in the order of the line, so each place is found by counting from the one before.
        let (mut byte, mut column) = (0, 0);
        for code in &row.codes {
            let letter = amino::letter(code).ok_or_else(|| not_an_amino_acid(line, code))?;
            let at = code.as_ptr() as usize - line.whole.as_ptr() as usize;
            column += line.whole[byte..at].chars().count();
            byte = at;
            if let (Ok(letter), Some(place)) = (u8::try_from(letter), rows[line.number - 1].get_mut(column)) {
                *place = letter;
            }
            count += 1;
        }
        first.get_or_insert(row);
    }
    let first = first.map_or(("", 0), |first| (first.chain, first.announced));
    let chain = if first.0.is_empty() { String::new() } else { format!(" of chain {}", first.0) };
    let mut message = format!("read as SEQRES lines{chain}");
    if first.1 != count {
        message += &format!(": {count} residues are here, though the lines announce {}", first.1);
    }
    let residues = String::from_utf8_lossy(&rows.join(&b'\n')).into_owned(); // only letters and blanks
    Ok(Found::Read { residues, warning: warning(message) })
}

/// One line: `SEQRES   1 A   21  GLY ILE VAL`.
struct Seqres<'a> {
    /// Empty if the chain has no name.
    chain: &'a str,
    announced: usize,
    codes: Vec<&'a str>,
}

impl<'a> Seqres<'a> {
    fn parse(line: &Line<'a>) -> Result<Self, InputError> {
        let words: Vec<&str> = line.words().skip(1).collect();
        let is_number = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
        let (chain, announced, codes) = match words[..] {
            [serial, chain, announced, ref codes @ ..] if is_number(serial) && is_number(announced) => {
                (chain, announced, codes)
            }
            [serial, announced, ref codes @ ..] if is_number(serial) && is_number(announced) => {
                ("", announced, codes)
            }
            _ => {
                let hint = "copy the lines of the PDB file unchanged, or send three-letter codes alone";
                return Err(foreign_format(line, "this is not a whole SEQRES line", hint));
            }
        };
        Ok(Self { chain, announced: announced.parse().unwrap_or(0), codes: codes.to_vec() })
    }
}

fn not_an_amino_acid(line: &Line<'_>, code: &str) -> InputError {
    let place = |error: InputError| error.at(line.number, line.column(code));
    if code.len() < 3 {
        let detail = format!("{code} is a nucleotide");
        return place(InputError::new(
            ErrorCode::Nucleotide,
            detail,
            "send the SEQRES lines of a protein chain",
        ));
    }
    let detail = format!("{code} is not one of the amino acids' three-letter codes");
    place(InputError::new(ErrorCode::ForeignFormat, detail, "remove it, or write UNK for another residue"))
}

// --- flat files --------------------------------------------------------------------------------

/// A kind of flat file, and the place of its residues.
struct FlatFile {
    name: &'static str,
    /// The line types with which an entry, or a part of an entry, may begin.
    begins: &'static [&'static str],
    /// The residues follow the line with this beginning.
    before: &'static str,
}

const FLAT_FILES: [FlatFile; 2] = [
    FlatFile {
        name: "UniProt or EMBL",
        begins: &["ID   ", "AC   ", "DT   ", "DE   ", "OS   ", "FT   ", "SQ   "],
        before: "SQ   ",
    },
    FlatFile {
        name: "GenBank or GenPept",
        begins: &["LOCUS ", "DEFINITION ", "ACCESSION ", "FEATURES ", "ORIGIN"],
        before: "ORIGIN",
    },
];

impl FlatFile {
    fn of(first: &str) -> Option<&'static Self> {
        FLAT_FILES.iter().find(|format| {
            format.begins.iter().any(|&begin| match begin {
                "ORIGIN" => first.trim_end() == begin,
                "SQ   " => first.to_ascii_uppercase().starts_with("SQ   SEQUENCE"),
                begin => first.starts_with(begin),
            })
        })
    }
}

/// The name of the entry that `text` begins with, if it is a flat file.
pub(crate) fn flat_file_name(text: &[u8]) -> Option<String> {
    let start = &text[..text.len().min(2_000)];
    let start = String::from_utf8_lossy(start);
    let first = lines::all(&start).map(str::trim).find(|line| !line.is_empty())?;
    FlatFile::of(first)?;
    let name = first.strip_prefix("ID   ").or_else(|| first.strip_prefix("LOCUS "))?;
    name.split_whitespace().next().map(|name| name.trim_end_matches(';').to_owned())
}

/// Reads a flat file of one entry.
pub(super) fn flat_file(text: &str, first: &Line<'_>) -> Option<Found> {
    let format = FlatFile::of(first.text)?;
    Some(read_flat_file(text, format, first).unwrap_or_else(Found::Refused))
}

fn read_flat_file(text: &str, format: &FlatFile, first: &Line<'_>) -> Result<Found, InputError> {
    let mut residues = String::with_capacity(text.len());
    let (mut inside, mut ended, mut found) = (false, false, false);
    for (index, line) in lines::all(text).enumerate() {
        let at = |code, detail: String, hint: &str| Err(InputError::new(code, detail, hint).at(index + 1, 1));
        if index > 0 {
            residues.push('\n');
        }
        if ended && !line.trim().is_empty() {
            let detail = format!("a second entry of a {} flat file", format.name);
            return at(ErrorCode::SeveralChains, detail, "send one entry at a time, or the entries as FASTA");
        }
        if is_nucleotides(line) {
            let detail = format!("this entry of a {} flat file holds nucleotides", format.name);
            return at(ErrorCode::Nucleotide, detail, "send the protein: its /translation, or its own entry");
        }
        if line.trim_end() == "//" {
            ended = true;
            inside = false;
        } else if inside {
            residues.push_str(line);
        } else if line.trim_start().starts_with(format.before) {
            inside = true;
            found = true;
        }
    }
    if !found {
        let detail = format!("a part of a {} flat file without its residues", format.name);
        let hint = format!("send it with the lines after {}", format.before.trim());
        return Err(foreign_format(first, detail, hint));
    }
    let message = format!("read as the flat file of an entry in {}", format.name);
    Ok(Found::Read { residues, warning: warning(message) })
}

/// Whether the line says that the entry is of nucleotides: `LOCUS  X  1859 bp` of GenBank, `SQ   Sequence 1859
/// BP;` of EMBL.
fn is_nucleotides(line: &str) -> bool {
    (line.starts_with("LOCUS ") || line.starts_with("SQ   "))
        && line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word.eq_ignore_ascii_case("bp"))
}
