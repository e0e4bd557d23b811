//! The classic output of DSSP, by its columns (Kabsch and Sander 1983; mkdssp 2 to 4 write the same ones).

use super::{KnownChain, KnownError, KnownResidue, KnownStructure, States};

/// Whether a line is the one above the residues.
pub(super) fn is_header(line: &str) -> bool {
    line.starts_with("  #  RESIDUE AA STRUCTURE")
}

pub(super) fn read(text: &str) -> Result<KnownStructure, KnownError> {
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    if !lines.by_ref().any(|(_, line)| is_header(line)) {
        let detail = "no line that begins with `  #  RESIDUE AA STRUCTURE`";
        return Err(KnownError::new(detail, "give the whole output of mkdssp --output-format=dssp"));
    }
    let mut chains: Vec<KnownChain> = Vec::new();
    let (mut new_chain, mut after_gap) = (true, false);
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        // Column 14: a residue, or ! for a break in the chain and !* for the end of it.
        let Some(columns) = line.get(..17).filter(|columns| columns.is_ascii()) else {
            return Err(cut_off("the line has no column of structure").at(number));
        };
        let (residue, state) = (columns.as_bytes()[13], columns.as_bytes()[16]);
        if residue == b'!' {
            new_chain |= columns.as_bytes()[14] == b'*';
            after_gap = true;
            continue;
        }
        let id = columns[11..12].trim();
        new_chain |= chains.last().is_none_or(|chain| chain.id != id);
        if new_chain {
            chains.push(KnownChain { id: id.to_owned(), residues: Vec::new() });
            (new_chain, after_gap) = (false, false);
        }
        let no_letter =
            || cut_off(&format!("{:?} is no letter of a residue", char::from(residue))).at(number);
        let no_state = || cut_off(&format!("{:?} is no state of DSSP", char::from(state))).at(number);
        let residue = KnownResidue {
            letter: letter(residue).ok_or_else(no_letter)?,
            number: columns[5..11].trim().to_owned(),
            label: Some(label(state).ok_or_else(no_state)?),
            after_gap: std::mem::take(&mut after_gap),
        };
        if let Some(chain) = chains.last_mut() {
            chain.residues.push(residue);
        }
    }
    Ok(KnownStructure { source: "DSSP", states: States::Eight, chains, notes: Vec::new() })
}

/// Lower-case letters are cysteines; the letter says which one it is bound to.
fn letter(residue: u8) -> Option<u8> {
    match residue {
        b'a'..=b'z' => Some(b'C'),
        b'B' | b'J' | b'O' | b'U' | b'Z' => Some(b'X'),
        b'A'..=b'Z' => Some(residue),
        _ => None,
    }
}

/// The state for a letter of DSSP. A blank (in mmCIF a dot) is no state, and `P` (since DSSP 4) a polyproline helix.
pub(super) fn label(state: u8) -> Option<u8> {
    match state {
        b'H' | b'G' | b'I' | b'E' | b'B' | b'T' | b'S' => Some(state),
        b' ' | b'.' | b'P' => Some(b'L'),
        _ => None,
    }
}

fn cut_off(detail: &str) -> KnownError {
    KnownError::new(detail, "give the output of mkdssp as it is; it has fixed columns")
}
