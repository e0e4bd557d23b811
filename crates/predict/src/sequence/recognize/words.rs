//! Words of headers and sentences: English words, and words in names of proteins.

/// One of these words in a line is a sign of a name or a sentence.
const KEYWORDS: &[&str] = &[
    "albumin",
    "alpha",
    "antibody",
    "antigen",
    "bacillus",
    "bacterial",
    "bacteria",
    "beta",
    "binding",
    "bovine",
    "candidate",
    "chain",
    "chicken",
    "coli",
    "collagen",
    "complete",
    "consensus",
    "cytochrome",
    "dehydrogenase",
    "domain",
    "drosophila",
    "enzyme",
    "escherichia",
    "example",
    "factor",
    "ferredoxin",
    "fragment",
    "from",
    "gamma",
    "gene",
    "globin",
    "heavy",
    "hello",
    "hemoglobin",
    "homo",
    "homolog",
    "homologue",
    "human",
    "hypothetical",
    "immunoglobulin",
    "insulin",
    "isoform",
    "kappa",
    "kinase",
    "lambda",
    "length",
    "light",
    "lysozyme",
    "mature",
    "membrane",
    "mitochondrial",
    "motif",
    "mouse",
    "mutant",
    "myoglobin",
    "name",
    "partial",
    "peptide",
    "phage",
    "please",
    "polymerase",
    "polypeptide",
    "precursor",
    "predicted",
    "predict",
    "product",
    "protease",
    "proteasome",
    "protein",
    "proteins",
    "putative",
    "query",
    "receptor",
    "reductase",
    "region",
    "residue",
    "residues",
    "ribosomal",
    "sapiens",
    "sample",
    "score",
    "sequence",
    "sequences",
    "signal",
    "species",
    "strand",
    "structure",
    "subject",
    "subunit",
    "synthase",
    "synthetase",
    "target",
    "template",
    "that",
    "this",
    "transferase",
    "transporter",
    "trypsin",
    "ubiquitin",
    "uncharacterized",
    "unknown",
    "unnamed",
    "variant",
    "viral",
    "virus",
    "where",
    "with",
    "world",
    "yeast",
    "your",
];

/// Words that occur together with keywords.
const COMMON: &[&str] = &[
    "a", "all", "also", "an", "and", "are", "as", "at", "be", "by", "can", "cell", "do", "for", "get", "has",
    "have", "how", "i", "in", "is", "it", "its", "like", "me", "my", "no", "not", "of", "on", "one", "or",
    "pig", "rat", "same", "seq", "test", "the", "there", "to", "two", "type", "want", "was", "we", "what",
    "you",
];

/// Words to which names add one letter: `sequenceB`, `proteinA`.
const STEMS: &[&str] = &["sequence", "protein", "peptide", "chain", "query"];

/// Whether a word is a keyword. `chainA` and `sequenceb` also count.
pub(super) fn is_keyword(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let stem = || STEMS.iter().any(|stem| word.strip_prefix(stem).is_some_and(|rest| rest.len() <= 1));
    KEYWORDS.contains(&word.as_str()) || stem()
}

/// Whether a word often occurs together with keywords.
pub(super) fn is_common(word: &str) -> bool {
    word.len() <= 2 || COMMON.contains(&word.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_and_lower_case() {
        for list in [KEYWORDS, COMMON] {
            assert!(list.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase())));
        }
        assert!(COMMON.is_sorted());
    }

    #[test]
    fn stems_take_one_more_letter() {
        assert!(is_keyword("SequenceB") && is_keyword("CHAIN") && is_keyword("chainA"));
        assert!(!is_keyword("CHAINAB") && !is_keyword("TESTTESTTEST") && !is_keyword("ALSEKGLVLVWG"));
    }
}
