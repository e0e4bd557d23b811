//! Reads the program's 8 lines and makes a prediction from them.

use pssp_predict::format::classic::{self, Classic};
use pssp_predict::{Method, PROPERTIES, Prediction, Property, Sequence, Track};

/// Reads the answer about `sequence`. The header may be anything. The sequence in the answer must be
/// `sequence`; otherwise the labels may belong to another chain.
pub(crate) fn prediction(text: &[u8], sequence: &Sequence, method: &Method) -> Result<Prediction, String> {
    let text = std::str::from_utf8(text).map_err(|_| "the program's answer is not text".to_owned())?;
    let answer = classic::parse(text).map_err(|e| format!("the program's answer is not in 8 lines: {e}"))?;
    if answer.sequence != *sequence {
        return Err("the program's answer is about another sequence".to_owned());
    }
    let tracks = PROPERTIES.iter().map(|&property| track(&answer, property)).collect();
    let rsa = answer.labels(Property::Acc).bytes().map(middle_of_class).collect();
    Prediction::new(method.clone(), tracks, rsa).map_err(|e| e.to_string())
}

fn track(answer: &Classic, property: Property) -> Track {
    let labels = answer.labels(property).as_bytes().to_vec();
    let column = |letter| labels.iter().map(|&label| if label == letter { 1000 } else { 0 }).collect();
    let columns = property.alphabet().iter().map(|class| column(class.letter)).collect();
    Track { property, labels, columns }
}

/// Relative accessibility in the middle of an ACC class (0 to 10, 10 to 40, 40 to 100 %), per mille.
fn middle_of_class(acc: u8) -> u16 {
    match acc {
        b'B' => 50,
        b'M' => 250,
        _ => 700,
    }
}
