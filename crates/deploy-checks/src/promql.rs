//! Finds the metrics and labels that a PromQL expression names. It does not check the grammar: promtool does.

use std::collections::BTreeSet;

/// One comparison of a label: `state=~"submitted|running"`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Matcher {
    pub metric: String,
    pub label: String,
    pub values: Vec<String>,
}

/// What an expression names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Names of time series, such as `pssp_jobs` or `pssp_worker_wait_seconds_bucket`.
    pub metrics: BTreeSet<String>,
    pub matchers: BTreeSet<Matcher>,
    /// Labels in `by (…)`, `without (…)`, `on (…)`, `ignoring (…)`, `group_left (…)` and `group_right (…)`.
    pub grouped: BTreeSet<String>,
}

const LISTS: &[&str] = &["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS: &[&str] = &["and", "or", "unless", "bool", "offset", "inf", "nan"];
const FUNCTIONS: &[&str] = &[
    "abs",
    "avg",
    "clamp_min",
    "count",
    "delta",
    "deriv",
    "histogram_quantile",
    "increase",
    "irate",
    "label_values",
    "max",
    "max_over_time",
    "min",
    "min_over_time",
    "rate",
    "sum",
    "topk",
    "vector",
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// Splits an expression. Numbers, durations and variables of Grafana (`$environment`) are left out.
fn tokens(expression: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = expression.chars().peekable();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    while let Some(c) = rest.next() {
        if c == '"' {
            let text: String = rest.by_ref().take_while(|c| *c != '"').collect();
            found.push(Token::Text(text));
        } else if is_name(c) || c == '$' {
            let mut word = c.to_string();
            while let Some(next) =
                rest.next_if(|c| is_name(*c) || (word.starts_with(|c: char| c.is_ascii_digit()) && *c == '.'))
            {
                word.push(next);
            }
            if !word.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
                found.push(Token::Word(word));
            }
        } else if "(){}[],=!~<>+-*/%^".contains(c) {
            found.push(Token::Sign(c));
        } else if !c.is_whitespace() {
            return Err(format!("`{c}` in {expression}"));
        }
    }
    Ok(found)
}

/// The names in an expression.
///
/// # Errors
/// If a word is neither a metric nor known here, or a selector cannot be read.
pub fn names(expression: &str) -> Result<Names, String> {
    let tokens = tokens(expression)?;
    let mut names = Names::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let Token::Word(word) = token else { continue };
        let next = tokens.get(at);
        if LISTS.contains(&word.as_str()) {
            at += list(&tokens[at..], &mut names.grouped).ok_or_else(|| format!("{word} in {expression}"))?;
        } else if FUNCTIONS.contains(&word.as_str()) && next != Some(&Token::Sign('{')) {
            // The second argument of this function is a label.
            if word == "label_values" {
                let Some(Token::Word(label)) = tokens.get(at + 3) else { return Err(expression.to_owned()) };
                names.grouped.insert(label.clone());
                let Some(Token::Word(metric)) = tokens.get(at + 1) else { return Err(expression.to_owned()) };
                names.metrics.insert(metric.clone());
                at += 5;
            }
        } else if WORDS.contains(&word.as_str()) {
        } else if next == Some(&Token::Sign('(')) {
            return Err(format!("{word} is no function that is known here: {expression}"));
        } else {
            names.metrics.insert(word.clone());
            if next == Some(&Token::Sign('{')) {
                at += selector(word, &tokens[at..], &mut names)
                    .ok_or_else(|| format!("{word} in {expression}"))?;
            }
        }
    }
    Ok(names)
}

/// Reads `(a, b)`, which may be missing. Returns how many tokens it has.
fn list(tokens: &[Token], found: &mut BTreeSet<String>) -> Option<usize> {
    if tokens.first() != Some(&Token::Sign('(')) {
        return Some(0);
    }
    let length = tokens.iter().position(|token| *token == Token::Sign(')'))?;
    for token in &tokens[1..length] {
        match token {
            Token::Word(label) => drop(found.insert(label.clone())),
            Token::Sign(',') => {}
            _ => return None,
        }
    }
    Some(length + 1)
}

/// Reads `{label="value", …}`. Returns how many tokens it has.
fn selector(metric: &str, tokens: &[Token], names: &mut Names) -> Option<usize> {
    let length = tokens.iter().position(|token| *token == Token::Sign('}'))?;
    let parts = tokens[1..length].split(|token| *token == Token::Sign(','));
    for part in parts.filter(|part| !part.is_empty()) {
        let [Token::Word(label), Token::Sign('=' | '!'), .., Token::Text(value)] = part else { return None };
        let values = value.split('|').map(str::to_owned).collect();
        names.matchers.insert(Matcher { metric: metric.to_owned(), label: label.clone(), values });
    }
    Some(length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|one| (*one).to_owned()).collect()
    }

    #[test]
    fn names_are_found() {
        let found = names(
            "histogram_quantile(0.95, sum by (le, job) (rate(a_seconds_bucket{x=\"1\",y=~\"p|q\"}[5m]))) > 1.5e3\n\
             or on (z) b_total{} unless vector(0) / c offset 1h",
        )
        .expect("an expression");
        assert_eq!(found.metrics, set(&["a_seconds_bucket", "b_total", "c"]).into_iter().collect());
        assert_eq!(found.grouped, set(&["le", "job", "z"]));
        let labels: Vec<(&str, usize)> =
            found.matchers.iter().map(|one| (one.label.as_str(), one.values.len())).collect();
        assert_eq!(labels, [("x", 1), ("y", 2)]);
        let variable = names("label_values(pssp_jobs, environment)").expect("a query");
        assert_eq!((variable.metrics, variable.grouped), (set(&["pssp_jobs"]), set(&["environment"])));
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for wrong in ["rates(a_total[5m])", "a{x}", "a{x=1}", "sum by (le (a)", "a # b"] {
            assert!(names(wrong).is_err(), "{wrong}");
        }
    }
}
