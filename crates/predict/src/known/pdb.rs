//! Structures in PDB format (version 3.3): residues from ATOM and HETATM, states from HELIX and SHEET.

use std::collections::BTreeMap;

use super::{
    KnownChain, KnownError, KnownResidue, KnownStructure, Segments, States, no_secondary_structure,
    no_such_model, note_of_model, residue,
};

/// The names of the records that a file may begin with.
pub(super) const RECORDS: [&str; 16] = [
    "HEADER", "OBSLTE", "TITLE", "SPLIT", "CAVEAT", "COMPND", "SOURCE", "KEYWDS", "EXPDTA", "AUTHOR",
    "REMARK", "SEQRES", "HELIX", "CRYST1", "MODEL", "ATOM",
];

/// The class of a helix that is no helix in three states: left-handed polyproline, and ribbons.
const NO_HELIX: [&str; 2] = ["9", "10"];

/// A residue with coordinates.
struct Seen {
    key: String,
    letter: u8,
    number: i32,
}

pub(super) fn read(text: &str, model: Option<u32>) -> Result<KnownStructure, KnownError> {
    let mut modified: BTreeMap<String, u8> = BTreeMap::new();
    let mut ranges: Vec<(usize, [String; 3], u8)> = Vec::new();
    let mut models: Vec<u32> = Vec::new();
    let mut chains: Vec<(String, Vec<Seen>)> = Vec::new();
    let mut ended: Vec<String> = Vec::new();
    for (line, text) in text.lines().enumerate().map(|(i, text)| (i + 1, text)) {
        let column = |from: usize, to: usize| text.get(from - 1..to.min(text.len())).unwrap_or_default();
        match column(1, 6).trim_end() {
            "MODRES" => {
                if let Some(letter) = residue::letter(column(25, 27).trim()) {
                    modified.insert(column(13, 15).trim().to_owned(), letter);
                }
            }
            "HELIX" if !NO_HELIX.contains(&column(39, 40).trim()) => {
                ranges.push((line, range(column(20, 20), column(22, 26), column(34, 38)), b'H'));
            }
            "SHEET" => ranges.push((line, range(column(22, 22), column(23, 27), column(34, 38)), b'E')),
            "MODEL" => {
                let number = column(7, 14).trim().parse();
                models.push(number.map_err(|_| wrong("MODEL without a number").at(line))?);
                ended.clear();
            }
            name @ ("ATOM" | "HETATM") if is_read(&models, model) => {
                let chain = column(22, 22).trim();
                // Waters and ligands come after the end of a chain.
                if column(13, 16) != " CA " || (name == "HETATM" && ended.iter().any(|end| end == chain)) {
                    continue;
                }
                let name = column(18, 20).trim();
                let number = column(23, 26).trim();
                let number: i32 = number
                    .parse()
                    .map_err(|_| wrong(&format!("{number:?} is no number of a residue")).at(line))?;
                let letter = modified.get(name).copied().or_else(|| residue::letter(name)).unwrap_or(b'X');
                let seen = Seen { key: column(23, 27).trim().to_owned(), letter, number };
                match chains.iter_mut().find(|(id, _)| id == chain) {
                    None => chains.push((chain.to_owned(), vec![seen])),
                    // Alternative places of an atom are one residue.
                    Some((_, residues)) if residues.last().is_some_and(|last| last.key == seen.key) => {}
                    Some((_, residues)) => residues.push(seen),
                }
            }
            "TER" => ended.push(column(22, 22).trim().to_owned()),
            _ => {}
        }
    }
    let chosen = model.or(models.first().copied()).unwrap_or(1);
    if model.is_some_and(|model| !models.contains(&model) && (model != 1 || !models.is_empty())) {
        return Err(no_such_model(chosen, if models.is_empty() { &[1] } else { &models }));
    }
    if ranges.is_empty() {
        return Err(no_secondary_structure("HELIX and SHEET records"));
    }
    let segments = segments(&ranges, &chains)?;
    let chains = chains.into_iter().map(|(id, residues)| chain(id, residues, &segments)).collect();
    Ok(KnownStructure {
        source: "HELIX and SHEET records of a PDB file",
        states: States::Three,
        chains,
        notes: note_of_model(chosen, models.len()).into_iter().collect(),
    })
}

/// Whether the model that the atoms here are of is the chosen one.
fn is_read(models: &[u32], chosen: Option<u32>) -> bool {
    match (models, chosen) {
        ([], _) => true,
        ([.., last], Some(chosen)) => *last == chosen,
        (models, None) => models.len() == 1,
    }
}

fn range(chain: &str, from: &str, to: &str) -> [String; 3] {
    [chain, from, to].map(|part| part.trim().to_owned())
}

/// Finds the residues where helices and strands begin and end. Those of chains without coordinates are left out.
fn segments(
    ranges: &[(usize, [String; 3], u8)],
    chains: &[(String, Vec<Seen>)],
) -> Result<Segments, KnownError> {
    let mut segments = Segments::default();
    // A residue in a helix and in a strand is in the strand.
    for (line, [id, from, to], state) in ranges {
        let Some((_, residues)) = chains.iter().find(|(chain, _)| chain == id) else { continue };
        let find = |key: &String| residues.iter().position(|residue| residue.key == *key);
        let missing = |key: &String| {
            let detail =
                format!("residue {key} of chain {id}, where a helix or strand ends, has no coordinates");
            KnownError::new(detail, "give the whole file, with HELIX and SHEET as they belong to its atoms")
                .at(*line)
        };
        let (from, to) = (find(from).ok_or_else(|| missing(from))?, find(to).ok_or_else(|| missing(to))?);
        segments.add(id, from, to, *state);
    }
    Ok(segments)
}

fn chain(id: String, residues: Vec<Seen>, segments: &Segments) -> KnownChain {
    let mut before: Option<i32> = None;
    let residues = residues.into_iter().enumerate().map(|(index, seen)| {
        let after_gap = before.is_some_and(|before| seen.number > before + 1);
        before = Some(seen.number);
        KnownResidue {
            letter: seen.letter,
            number: seen.key,
            label: Some(segments.state(&id, index)),
            after_gap,
        }
    });
    let residues = residues.collect();
    KnownChain { id, residues }
}

fn wrong(detail: &str) -> KnownError {
    KnownError::new(detail, "give the file as it is; it has fixed columns")
}
