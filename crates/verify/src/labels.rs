//! Checks label strings: their alphabets and lengths.

use crate::verdict::ensure;

/// The classic codes with their alphabets. They are written out here and not taken from the library, since the cases
/// check the library's output.
pub(crate) const ALPHABETS: [(&str, &str); 6] =
    [("SS3", "HEC"), ("SS8", "HGIEBTSL"), ("ACC", "BME"), ("DIS", "*."), ("TM2", "H_"), ("TM8", "HECILFX_")];

/// Checks that `labels` of the property `code` has one letter of its alphabet for each residue.
pub(crate) fn check(code: &str, labels: &str, residues: usize) -> Result<(), String> {
    let alphabet = ALPHABETS.iter().find(|(known, _)| *known == code).map_or("", |(_, letters)| letters);
    let length = labels.chars().count();
    ensure(length == residues, || format!("{code} has {length} letters for {residues} residues"))?;
    let strange = labels.chars().find(|letter| !alphabet.contains(*letter));
    ensure(strange.is_none(), || format!("{code} has {strange:?}, which is not one of {alphabet}"))
}

/// Checks all six label strings, in the order of the classic text.
pub(crate) fn check_all(lines: &[&str], residues: usize) -> Result<(), String> {
    ensure(lines.len() == ALPHABETS.len(), || format!("{} label strings, not six", lines.len()))?;
    ALPHABETS.iter().zip(lines).try_for_each(|((code, _), labels)| check(code, labels, residues))
}

/// Width and height of a PNG.
pub(crate) fn png_size(bytes: &[u8]) -> Result<(u32, u32), String> {
    let head = bytes.get(..24).filter(|head| head.starts_with(b"\x89PNG\r\n\x1a\n"));
    let head = head.ok_or("the picture is no PNG")?;
    let number = |at: usize| head[at..at + 4].iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    Ok((number(16), number(20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_the_right_alphabet_and_length() {
        assert_eq!(check("SS3", "HEC", 3), Ok(()));
        assert!(check("SS3", "HEC", 4).unwrap_err().contains("3 letters for 4"));
        assert!(check("DIS", "*.-", 3).unwrap_err().contains("'-'"));
        assert!(check_all(&["HEC"], 3).is_err());
    }

    #[test]
    fn the_alphabets_contain_those_of_the_properties() {
        for (property, (code, letters)) in pssp_predict::PROPERTIES.iter().zip(ALPHABETS) {
            let known: String = property.alphabet().iter().map(|class| char::from(class.letter)).collect();
            assert_eq!((property.code(), known.len()), (code, letters.len()));
            assert!(known.chars().all(|letter| letters.contains(letter)), "{code}: {known}");
        }
    }

    #[test]
    fn the_size_of_a_png_is_read() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend([0, 0, 2, 128, 0, 0, 1, 224]);
        assert_eq!(png_size(&png), Ok((640, 480)));
        assert!(png_size(b"GIF89a").is_err());
    }
}
