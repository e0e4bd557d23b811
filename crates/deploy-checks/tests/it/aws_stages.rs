//! Checks that the stages prod and test on AWS are equal, apart from the differences listed here.

use std::collections::{BTreeMap, BTreeSet};

use pssp_deploy_checks::{Template, text};

use crate::ENVIRONMENTS;

/// The parameters that may differ, each with the reason.
const MAY_DIFFER: &[(&str, &str)] = &[
    ("Stage", "its name"),
    ("ApiMemory", "load"),
    ("WorkerMemory", "load"),
    ("WorkerConcurrency", "load"),
    ("RateLimit", "load"),
    ("LogRetention", "prod's logs are asked for later"),
    ("TableProtection", "test may be taken away"),
];

/// The parameters of a stage.
pub(crate) fn parameters(stage: &str) -> BTreeMap<String, String> {
    let file = text(&format!("infra/{stage}.params"));
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{stage}.params: {line}"));
        (name.to_owned(), value.to_owned())
    };
    lines.map(pair).collect()
}

/// The stack of a stage. `others` override its parameters.
pub(crate) fn stack(stage: &str, others: &[(&str, &str)]) -> Template {
    let mut all = parameters(stage);
    all.insert("Version".to_owned(), "1.2.3".to_owned());
    all.extend(others.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Template::of("infra/template.yaml", &all)
}

#[test]
fn prod_differs_from_test_only_as_listed() {
    let [test, prod] = ENVIRONMENTS.map(parameters);
    assert_eq!(test.keys().collect::<Vec<_>>(), prod.keys().collect::<Vec<_>>(), "the same parameters");
    let differ: BTreeSet<&str> =
        test.keys().filter(|name| test[*name] != prod[*name]).map(String::as_str).collect();
    let may: BTreeSet<&str> = MAY_DIFFER.iter().map(|(name, _)| *name).collect();
    assert!(differ.is_subset(&may), "{:?} differ", differ.difference(&may));
    assert!(differ.contains("Stage") && differ.contains("TableProtection"));
}

#[test]
fn the_template_allows_the_values() {
    for stage in ENVIRONMENTS {
        let written = stack(stage, &[]).written().clone();
        for (name, value) in parameters(stage) {
            let allowed = &written["Parameters"][&name]["AllowedValues"];
            let mut texts = allowed.as_array().into_iter().flatten().map(|one| match one.as_str() {
                Some(text) => text.to_owned(),
                None => one.to_string(),
            });
            assert!(allowed.is_null() || texts.any(|one| one == value), "{stage}: {name}={value}");
        }
        assert_eq!(parameters(stage)["Stage"], stage);
    }
}

#[test]
fn the_table_of_prod_is_protected() {
    let table = stack("prod", &[]).resource("Table").expect("a table");
    assert_eq!(table["Properties"]["DeletionProtectionEnabled"], "true");
    assert_eq!(table["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(table["UpdateReplacePolicy"], "Retain");
}
