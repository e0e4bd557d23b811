//! Formats that are refused. Each is recognized by its marks. The error names it and says what to do instead.

use super::super::fault::InputError;
use super::super::lines::Line;
use super::foreign_format;

/// A format, a check for its marks, and a hint.
struct Format {
    /// The name as used in "this is …".
    name: &'static str,
    /// Whether the lines (at least one) are in this format.
    is: fn(&[Line<'_>]) -> bool,
    remedy: &'static str,
}

const AS_FASTA: &str = "convert it to FASTA, for instance with seqret of EMBOSS or Bio.SeqIO of Biopython";
const ALIGNMENT: &str =
    "convert the alignment to FASTA, for instance with seqret of EMBOSS or Bio.AlignIO of Biopython";
const PASTE: &str = "copy the sequence alone, as plain text";

/// The formats in the order in which they are checked.
const FORMATS: &[Format] = &[
    Format { name: "RTF", is: |l| starts(l, &["{\\rtf"]), remedy: "save the file as plain text" },
    Format { name: "PDF", is: |l| starts(l, &["%PDF"]), remedy: PASTE },
    Format {
        name: "a sequence listing in ST.25",
        is: |l| l[0].text.starts_with("<1") || l[0].text.starts_with("<2"),
        remedy: "copy the residues after <400> alone",
    },
    Format { name: "HTML or XML", is: |l| l[0].text.starts_with('<'), remedy: PASTE },
    Format {
        name: "JSON",
        is: |l| l[0].text.starts_with('{') || (l[0].text.starts_with('[') && ends_as_list(l)),
        remedy: "send it as application/json, or the residues alone as text",
    },
    Format {
        name: "text in quotes",
        is: |l| l[0].text.starts_with(['"', '\'', '`', '\u{201c}']),
        remedy: "remove the quotes and what stands around them",
    },
    Format { name: "FASTQ", is: is_fastq, remedy: "translate the reads to proteins and send them as FASTA" },
    Format { name: "Stockholm", is: |l| starts(l, &["# STOCKHOLM"]), remedy: ALIGNMENT },
    Format { name: "NEXUS", is: |l| starts(l, &["#NEXUS"]), remedy: ALIGNMENT },
    Format { name: "MEGA", is: |l| starts(l, &["#mega"]), remedy: ALIGNMENT },
    Format {
        name: "a PSIPRED result",
        is: |l| starts(l, &["# PSIPRED"]),
        remedy: "send the sequence that it was made of",
    },
    Format {
        name: "DSSP",
        is: |l| starts(l, &["==== Secondary Structure Definition"]),
        remedy: "send the sequence that it was made of as FASTA",
    },
    Format {
        name: "a profile of HMMER or HHsuite",
        is: |l| starts(l, &["HMMER2", "HMMER3", "HHsearch ", "HHsearch\t"]),
        remedy: AS_FASTA,
    },
    Format {
        name: "text that begins with a # line",
        is: |l| l[0].text.starts_with('#'),
        remedy: "FASTA has no # lines: remove them",
    },
    Format {
        name: "Clustal",
        is: |l| starts(l, &["CLUSTAL", "MUSCLE (", "PROBCONS", "T-COFFEE"]) || is_aligner_headline(l[0].text),
        remedy: ALIGNMENT,
    },
    Format { name: "MSF", is: is_msf, remedy: ALIGNMENT },
    Format { name: "GCG", is: |l| l.iter().any(is_gcg_divider), remedy: AS_FASTA },
    Format {
        name: "the text of BLAST",
        is: is_blast,
        remedy: "send the sequences that were compared as FASTA",
    },
    Format {
        name: "mmCIF",
        is: is_mmcif,
        remedy: "send the entry's FASTA, or the residues of _entity_poly.pdbx_seq_one_letter_code alone",
    },
    Format {
        name: "PDB",
        is: is_pdb,
        remedy: "send the SEQRES lines of one chain alone, or the entry's FASTA",
    },
    Format {
        name: "a link",
        is: |l| l.len() == 1 && starts(l, &["http://", "https://", "ftp://"]),
        remedy: "nothing is fetched from it: paste the sequence itself",
    },
    Format {
        name: "an accession",
        is: |l| l.len() == 1 && is_accession(l[0].text),
        remedy: "no database is asked: paste the sequence itself",
    },
    Format { name: "PHYLIP", is: is_phylip, remedy: ALIGNMENT },
];

/// The error for the first format that the lines are in. Its line is line 1 or the line where the format
/// begins.
pub(super) fn find(lines: &[Line<'_>]) -> Option<InputError> {
    let first = lines.first()?;
    let format = FORMATS.iter().find(|format| (format.is)(lines))?;
    Some(foreign_format(
        first,
        format!("this is {}, not a plain sequence or FASTA", format.name),
        format.remedy,
    ))
}

fn starts(lines: &[Line<'_>], marks: &[&str]) -> bool {
    marks.iter().any(|mark| starts_with(lines[0].text, mark))
}

/// Whether `text` starts with `mark`, ignoring case.
fn starts_with(text: &str, mark: &str) -> bool {
    text.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark))
}

/// Whether the text is the headline of an aligner whose name has only letters of residues, with its version:
/// `KALIGN (2.04)`.
fn is_aligner_headline(text: &str) -> bool {
    let after =
        ["KALIGN", "MAFFT"].iter().find(|name| starts_with(text, name)).map(|name| &text[name.len()..]);
    after.is_some_and(|after| after.contains(|c: char| c == '(' || c.is_ascii_digit()))
}

fn ends_as_list(lines: &[Line<'_>]) -> bool {
    lines.last().is_some_and(|line| line.text.ends_with([']', '}', ',']))
}

fn is_fastq(lines: &[Line<'_>]) -> bool {
    lines[0].text.starts_with('@') && lines.iter().take(4).any(|line| line.text.starts_with('+'))
}

fn is_msf(lines: &[Line<'_>]) -> bool {
    let head = lines.iter().take(20).any(|line| line.text.contains("MSF:") && line.text.contains("Check:"));
    head || starts(lines, &["!!AA_", "!!NA_", "PileUp"])
}

/// Whether this is the line between comments and sequence of GCG: `name  Length: 21  Check: 1234 ..`.
fn is_gcg_divider(line: &Line<'_>) -> bool {
    line.text.ends_with("..") && line.text.contains("Length:")
}

fn is_blast(lines: &[Line<'_>]) -> bool {
    let any = |mark: &str| lines.iter().any(|line| line.text.starts_with(mark));
    starts(lines, &["BLASTP", "BLASTX", "TBLASTN", "PSIBLAST", "Query="]) || (any("Query") && any("Sbjct"))
}

fn is_mmcif(lines: &[Line<'_>]) -> bool {
    let named = lines[0].text.strip_prefix("data_").is_some_and(|name| !name.is_empty());
    named
        || lines.iter().any(|line| {
            line.text == "loop_" || line.text.starts_with("_entity") || line.text.starts_with("_atom_site")
        })
}

/// Whether the lines are a PDB file. Its record names are six columns wide.
fn is_pdb(lines: &[Line<'_>]) -> bool {
    let record = |line: &Line<'_>| {
        ["ATOM  ", "HETATM", "SEQRES "].iter().any(|name| line.text.starts_with(name))
            && line.words().nth(1).is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()))
    };
    starts(lines, &["HEADER    "]) || lines.iter().any(record)
}

/// Whether `text` is an identifier of UniProt, PDB or RefSeq and nothing else.
fn is_accession(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let upper = bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    let uniprot = matches!(bytes.len(), 6 | 10) && !digit(0) && digit(1) && digit(bytes.len() - 1);
    let pdb = digit(0)
        && bytes.iter().any(u8::is_ascii_alphabetic)
        && (bytes.len() == 4 || (bytes.len() == 6 && bytes[4] == b'_'));
    let refseq = bytes.get(1) == Some(&b'P') && bytes.get(2) == Some(&b'_') && digit(3);
    let entry = text.split_once('_').is_some_and(|(name, species)| {
        (1..=10).contains(&name.len()) && (3..=5).contains(&species.len()) && !species.contains('_')
    });
    upper && (uniprot || pdb || refseq || entry)
}

/// Whether the lines are in PHYLIP format: the first line has two numbers, of rows and of columns. A ruler
/// (`10 20`) and numbering (`1 60` above 60 residues) look similar and are not PHYLIP.
fn is_phylip(lines: &[Line<'_>]) -> bool {
    let words: Vec<&str> = lines[0].words().collect();
    let [rows, columns] = words[..] else { return false };
    let (Ok(rows), Ok(columns)) = (rows.parse::<usize>(), columns.parse::<usize>()) else { return false };
    let is_ruler = rows > 0 && rows % 10 == 0 && columns == rows + 10;
    let residues =
        || lines[1..].iter().map(|l| l.text.bytes().filter(u8::is_ascii_alphabetic).count()).sum::<usize>();
    let is_numbering = rows == 1 && residues() == columns;
    lines.len() > 1 && !is_ruler && !is_numbering
}
