//! mmCIF: what DSSP writes into it, or the helices and strands of a structure.

use std::collections::{BTreeMap, HashMap};

use super::cif::{Block, Row, parse};
use super::{
    KnownChain, KnownError, KnownResidue, KnownStructure, Segments, States, dssp, no_secondary_structure,
    no_such_model, note_of_model, residue,
};

/// A chain of the file: what is known of it by the number of the residue (`label_seq_id`).
#[derive(Debug, Default)]
struct Polymer {
    id: String,
    entity: String,
    seen: BTreeMap<usize, Residue>,
}

#[derive(Debug)]
struct Residue {
    name: String,
    number: String,
}

/// One model of the file.
struct Model {
    /// The proteins with coordinates, by `label_asym_id` in the order of the file.
    polymers: Vec<(String, Polymer)>,
    number: u32,
    /// The number of models in the file.
    of: usize,
}

/// Where the states come from.
enum Labels {
    /// `dssp_struct_summary`: a state for each residue, by `label_asym_id` and `label_seq_id`.
    Eight(HashMap<(String, usize), u8>),
    /// `struct_conf` and `struct_sheet_range`.
    Three(Segments),
}

pub(super) fn read(text: &str, model: Option<u32>) -> Result<KnownStructure, KnownError> {
    let block = parse(text)?;
    let Model { polymers, number, of } = read_model(&block, model)?;
    let mut notes: Vec<String> = note_of_model(number, of).into_iter().collect();
    let is_of_dssp = block.rows("struct_conf_type").any(|row| row.get("criteria") == Some("DSSP"));
    let (source, labels) = if block.table("dssp_struct_summary").is_some() {
        ("DSSP", Labels::Eight(summary(&block)?))
    } else if is_of_dssp {
        notes.push(
            "this mmCIF of DSSP does not tell isolated bridges from strands, so it has three states; for eight, write \
             it with --output-format=dssp"
                .to_owned(),
        );
        ("DSSP", Labels::Three(segments(&block)?))
    } else {
        ("helices and strands of an mmCIF file", Labels::Three(segments(&block)?))
    };
    let states = if matches!(labels, Labels::Eight(_)) { States::Eight } else { States::Three };
    let sequences = sequences(&block);
    let modified: HashMap<&str, &str> = block
        .rows("pdbx_struct_mod_residue")
        .filter_map(|row| Some((row.get("label_comp_id")?, row.get("parent_comp_id")?)))
        .collect();
    let letter = |name: &str| {
        let parent = modified.get(name).and_then(|parent| residue::letter(parent));
        parent.or_else(|| residue::letter(name)).unwrap_or(b'X')
    };
    let chains =
        polymers.into_iter().map(|(asym, polymer)| chain(&asym, polymer, &sequences, &labels, &letter));
    Ok(KnownStructure { source, states, chains: chains.collect(), notes })
}

fn read_model(block: &Block<'_>, model: Option<u32>) -> Result<Model, KnownError> {
    if block.table("atom_site").is_none() {
        return Err(missing("_atom_site"));
    }
    let mut polymers: Vec<(String, Polymer)> = Vec::new();
    let mut models: Vec<u32> = Vec::new();
    for row in block.rows("atom_site") {
        let number = match row.get("pdbx_PDB_model_num") {
            None => 1,
            Some(number) => number.parse().map_err(|_| no_number("_atom_site.pdbx_PDB_model_num", number))?,
        };
        if !models.contains(&number) {
            models.push(number);
        }
        let is_chosen = number == model.unwrap_or(models[0]);
        // Only residues of polymers have a number in the sequence.
        let (Some(seq), true, Some("CA")) = (row.get("label_seq_id"), is_chosen, row.get("label_atom_id"))
        else {
            continue;
        };
        let seq = seq.parse().map_err(|_| no_number("_atom_site.label_seq_id", seq))?;
        let asym = needed(row, "_atom_site", "label_asym_id")?;
        if polymers.last().is_none_or(|(last, _)| last != asym) && !polymers.iter().any(|(id, _)| id == asym)
        {
            let id = row.get("auth_asym_id").unwrap_or(asym).to_owned();
            let entity = row.get("label_entity_id").unwrap_or_default().to_owned();
            polymers.push((asym.to_owned(), Polymer { id, entity, seen: BTreeMap::new() }));
        }
        let Some((_, polymer)) = polymers.iter_mut().rev().find(|(id, _)| id == asym) else { continue };
        let number = row.get("auth_seq_id").or_else(|| row.get("label_seq_id")).unwrap_or_default();
        let number = format!("{number}{}", row.get("pdbx_PDB_ins_code").unwrap_or_default());
        let name = needed(row, "_atom_site", "label_comp_id")?.to_owned();
        polymer.seen.entry(seq).or_insert(Residue { name, number });
    }
    let chosen = model.or(models.first().copied()).unwrap_or(1);
    if !models.contains(&chosen) {
        return Err(no_such_model(chosen, &models));
    }
    Ok(Model { polymers, number: chosen, of: models.len() })
}

/// The names of the residues of each entity, those without coordinates too.
fn sequences<'a>(block: &Block<'a>) -> HashMap<&'a str, BTreeMap<usize, &'a str>> {
    let mut sequences: HashMap<&str, BTreeMap<usize, &str>> = HashMap::new();
    for row in block.rows("entity_poly_seq") {
        let number = row.get("num").and_then(|number| number.parse().ok());
        if let (Some(entity), Some(number), Some(name)) = (row.get("entity_id"), number, row.get("mon_id")) {
            // Of several residues at one place the first counts.
            sequences.entry(entity).or_default().entry(number).or_insert(name);
        }
    }
    sequences
}

fn summary(block: &Block<'_>) -> Result<HashMap<(String, usize), u8>, KnownError> {
    let category = "_dssp_struct_summary";
    let states = block.rows("dssp_struct_summary").map(|row| {
        let seq = needed(row, category, "label_seq_id")?;
        let seq = seq.parse().map_err(|_| no_number("_dssp_struct_summary.label_seq_id", seq))?;
        // An unknown value is no state.
        let state = row.get("secondary_structure").unwrap_or(".");
        let known = state.bytes().next().filter(|_| state.len() == 1).and_then(dssp::label);
        let label = known.ok_or_else(|| {
            KnownError::new(format!("{state:?} is no state of DSSP"), "give the output of mkdssp as it is")
        })?;
        Ok(((needed(row, category, "label_asym_id")?.to_owned(), seq), label))
    });
    states.collect()
}

fn segments(block: &Block<'_>) -> Result<Segments, KnownError> {
    let mut segments = Segments::default();
    let mut any = false;
    for (category, of_row) in [("struct_conf", None), ("struct_sheet_range", Some(b'E'))] {
        for row in block.rows(category) {
            any = true;
            let kind = row.get("conf_type_id").unwrap_or_default();
            let state = of_row.or(match kind {
                // Polyproline helices are left-handed, and no helix in three states.
                kind if kind.starts_with("HELX_LH_PP") => None,
                kind if kind.starts_with("HELX") => Some(b'H'),
                kind if kind.starts_with("STRN") => Some(b'E'),
                _ => None,
            });
            let Some(state) = state else { continue };
            let name = format!("_{category}");
            let number = |item| {
                let text = needed(row, &name, item)?;
                text.parse().map_err(|_| no_number(&format!("{name}.{item}"), text))
            };
            let chain = needed(row, &name, "beg_label_asym_id")?;
            segments.add(chain, number("beg_label_seq_id")?, number("end_label_seq_id")?, state);
        }
    }
    if any { Ok(segments) } else { Err(no_secondary_structure("_struct_conf and _struct_sheet_range")) }
}

fn chain(
    asym: &str,
    polymer: Polymer,
    sequences: &HashMap<&str, BTreeMap<usize, &str>>,
    labels: &Labels,
    letter: &dyn Fn(&str) -> u8,
) -> KnownChain {
    let listed = sequences.get(polymer.entity.as_str());
    let last =
        polymer.seen.keys().chain(listed.into_iter().flat_map(BTreeMap::keys)).copied().max().unwrap_or(0);
    let mut residues = Vec::new();
    let mut before = 0;
    for seq in 1..=last {
        let seen = polymer.seen.get(&seq);
        let name = seen.map(|seen| seen.name.as_str()).or_else(|| listed?.get(&seq).copied());
        let Some(name) = name else { continue };
        let label = seen.map(|_| match labels {
            // DSSP leaves residues out whose backbone is not complete.
            Labels::Eight(states) => states.get(&(asym.to_owned(), seq)).copied(),
            Labels::Three(segments) => Some(segments.state(asym, seq)),
        });
        residues.push(KnownResidue {
            letter: letter(name),
            number: seen.map(|seen| seen.number.clone()).unwrap_or_default(),
            label: label.flatten(),
            after_gap: seq > before + 1,
        });
        before = seq;
    }
    KnownChain { id: polymer.id, residues }
}

fn needed<'a>(row: Row<'_, 'a>, category: &str, item: &str) -> Result<&'a str, KnownError> {
    row.get(item).ok_or_else(|| missing(&format!("{category}.{item}")))
}

fn missing(name: &str) -> KnownError {
    KnownError::new(format!("{name} is missing"), "give a whole mmCIF file, with coordinates")
}

fn no_number(name: &str, text: &str) -> KnownError {
    KnownError::new(format!("{name}: {text:?} is no number"), "give the mmCIF file as it is")
}
