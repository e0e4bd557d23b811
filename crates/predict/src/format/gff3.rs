//! GFF3 (version 1.26): the segments of all properties as features of the chain, with types of the Sequence Ontology.
//!
//! Positions are from 1 and include the last residue. The score is the mean probability of the label. Every feature has
//! the attributes `property` and `label`.

use std::io;

use super::{Entry, Layout, Place, method_name};
use crate::name::one_line;
use crate::segment::segments;

pub(super) struct Gff3;

impl Layout for Gff3 {
    fn name(&self) -> &'static str {
        "GFF3"
    }

    fn extension(&self) -> &'static str {
        "gff3"
    }

    fn media_type(&self) -> &'static str {
        "text/gff3; charset=utf-8"
    }

    fn by_name(&self) -> bool {
        true
    }

    fn needs_unique_ids(&self) -> bool {
        true
    }

    fn write_one(&self, entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        self.begin_batch(out)?;
        write(entry, out)
    }

    fn begin_batch(&self, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, "##gff-version 3")
    }

    fn write_next(&self, entry: &Entry<'_>, _place: Place, out: &mut dyn io::Write) -> io::Result<()> {
        write(entry, out)?;
        // All features before it are complete.
        writeln!(out, "###")
    }
}

fn write(entry: &Entry<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let id = encode(&one_line(entry.id), is_safe_in_id);
    let source = encode(&entry.prediction.method().name, is_safe_in_id);
    let length = entry.sequence.len();
    writeln!(out, "##sequence-region {id} 1 {length}")?;
    let mut chain = vec![("Name", one_line(entry.id).into_owned())];
    if let Some(name) = entry.name.filter(|name| *name != entry.id) {
        chain.push(("Note", one_line(name).into_owned()));
    }
    chain.push(("method", method_name(entry)));
    if let Some(changes) = entry.changes() {
        chain.push(("warning", one_line(&changes).into_owned()));
    }
    writeln!(out, "{id}\t{source}\tpolypeptide\t1\t{length}\t.\t.\t.\t{}", attributes(&chain))?;
    for segment in segments(entry.prediction) {
        let feature = segment.feature;
        let (first, last) = (segment.residues.start + 1, segment.residues.end);
        let score = f32::from(segment.permille) / 1000.0;
        let named = attributes(&[
            ("Name", feature.name.to_owned()),
            ("property", feature.property.key().to_owned()),
            ("label", char::from(feature.letter).to_string()),
        ]);
        writeln!(out, "{id}\t{source}\t{}\t{first}\t{last}\t{score:.3}\t.\t.\t{named}", feature.ontology)?;
    }
    Ok(())
}

fn attributes(pairs: &[(&str, String)]) -> String {
    let pairs = pairs.iter().map(|(key, value)| format!("{key}={}", encode(value, is_safe_in_value)));
    pairs.collect::<Vec<_>>().join(";")
}

/// Percent-encodes what is not safe.
fn encode(text: &str, is_safe: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_safe(c) {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out += &format!("%{byte:02X}");
            }
        }
    }
    out
}

/// The characters that an id may contain as they are.
fn is_safe_in_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".:^*$@!+_?-|".contains(c)
}

/// The characters that the value of an attribute may contain as they are.
fn is_safe_in_value(c: char) -> bool {
    !c.is_control() && !"%;=&,".contains(c)
}
