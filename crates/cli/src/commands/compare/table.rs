//! Known labels with their sequences: a table such as examples/known.tsv, or records of three lines.

use pssp_predict::score::UNKNOWN;
use pssp_predict::{PROPERTIES, Property};

use super::{KnownLabels, Match};
use crate::exit::Failure;

/// Columns of a table.
const COLUMNS: [&str; 9] =
    ["id", "accession", "name", "in_training", "about", "property", "sequence", "labels", "source"];

/// The known labels of one property of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownProperty {
    about: String,
    sequence: String,
    labels: KnownLabels,
}

/// Whether a text begins like a table.
pub(super) fn is_table(text: &str) -> bool {
    text.lines().next().is_some_and(|header| header.split('\t').eq(COLUMNS))
}

/// Reads a table.
pub(super) fn parse_table(text: &str) -> Result<Vec<KnownProperty>, Failure> {
    let invalid = |line: usize, what: &str| {
        Failure::usage(
            format!("known structures, line {line}: {what}"),
            format!("columns are {}", COLUMNS.join(" ")),
        )
    };
    if !is_table(text) {
        return Err(invalid(1, "another header is expected"));
    }
    let parse = |(number, line): (usize, &str)| {
        let [_, accession, name, in_training, about, property, sequence, labels, source] =
            <[&str; COLUMNS.len()]>::try_from(line.split('\t').collect::<Vec<_>>())
                .map_err(|_| invalid(number, "not as many columns as in the header"))?;
        let property = PROPERTIES.iter().copied().find(|p| p.key() == property);
        let property = property.ok_or_else(|| invalid(number, "no such property"))?;
        let fits = check(property, sequence, labels);
        fits.map_err(|what| invalid(number, &format!("the labels do not fit the sequence: {what}")))?;
        let seen = if in_training == "yes" { "was" } else { "was not" };
        Ok(KnownProperty {
            about: format!("{name} ({accession}): {about}; its structure {seen} in the training set"),
            sequence: sequence.to_owned(),
            labels: KnownLabels { property, labels: labels.to_owned(), source: source.to_owned() },
        })
    };
    text.lines().enumerate().map(|(i, line)| (i + 1, line)).skip(1).map(parse).collect()
}

/// Reads records of three lines: `>` and a name, the sequence, a label of `property` for each residue.
pub(super) fn parse_records(text: &str, property: Property) -> Result<Vec<KnownProperty>, Failure> {
    let invalid = |line: usize, what: String| {
        let letters: Vec<String> =
            property.alphabet().iter().map(|c| char::from(c.letter).to_string()).collect();
        let hint = format!(
            "give three lines for each chain: > and a name, the sequence, its labels; labels of {} are {}, and - where \
             nothing is known",
            property.code(),
            letters.join(" ")
        );
        Failure::usage(format!("known labels, line {line}: {what}"), hint)
    };
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim_end()));
    let lines: Vec<(usize, &str)> = lines.filter(|(_, line)| !line.is_empty()).collect();
    let parse = |record: &[(usize, &str)]| {
        let &[(number, header), (_, sequence), (labels_at, labels)] = record else {
            return Err(invalid(record[0].0, "the last record has not three lines".to_owned()));
        };
        let name = header.strip_prefix('>');
        let name = name.ok_or_else(|| invalid(number, "a record begins with >".to_owned()))?;
        check(property, sequence, labels).map_err(|what| invalid(labels_at, what))?;
        Ok(KnownProperty {
            about: name.trim().to_owned(),
            sequence: sequence.to_owned(),
            labels: KnownLabels { property, labels: labels.to_owned(), source: "known labels".to_owned() },
        })
    };
    lines.chunks(3).map(parse).collect()
}

fn check(property: Property, sequence: &str, labels: &str) -> Result<(), String> {
    let is_label = |letter: &u8| *letter == UNKNOWN || property.column(*letter).is_some();
    if let Some(letter) = labels.chars().find(|c| !u8::try_from(*c).is_ok_and(|c| is_label(&c))) {
        return Err(format!("{letter:?} is no label of {}", property.code()));
    }
    if labels.len() != sequence.len() {
        return Err(format!("{} labels for {} residues", labels.len(), sequence.len()));
    }
    Ok(())
}

/// What is known of a sequence. At most one match, with all its properties.
pub(super) fn matches(known: &[KnownProperty], sequence: &str) -> Vec<Match> {
    let of_chain: Vec<&KnownProperty> = known.iter().filter(|k| k.sequence == sequence).collect();
    let Some(first) = of_chain.first() else { return Vec::new() };
    let labels = of_chain.iter().map(|k| k.labels.clone()).collect();
    vec![Match { chain: None, about: vec![first.about.clone()], labels, alignment: None }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_tables_are_refused_with_the_line() {
        let header = COLUMNS.join("\t");
        for row in ["a\tb", "a\tP1\tn\tno\tx\tss9\tMK\tHH\ts", "a\tP1\tn\tno\tx\tss3\tMK\tHHH\ts"] {
            let error = parse_table(&format!("{header}\n{row}\n")).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{error}");
        }
    }

    #[test]
    fn malformed_records_are_refused_with_the_line() {
        for (text, expected) in [
            (">a\nMKV\nHHC\n\n>b\nMKV\n", "line 5: the last record has not three lines"),
            ("a\nMKV\nHHC\n", "line 1: a record begins with >"),
            (">a\nMKV\nHHL\n", "line 3: 'L' is no label of SS3; give three lines"),
            (">a\nMKV\nHH\n", "line 3: 2 labels for 3 residues"),
        ] {
            let error = parse_records(text, Property::Ss3).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
