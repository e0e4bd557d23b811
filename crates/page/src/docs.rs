//! The description of the HTTP interface for people, made from `openapi.json`.

use askama::Template;
use serde_json::Value;

use crate::{Frame, render};

/// One verb on one path.
struct Operation {
    verb: String,
    path: String,
    summary: String,
    details: String,
    parameters: Vec<Line>,
    bodies: Vec<String>,
    answers: Vec<Line>,
}

/// A name with what it means.
struct Line {
    name: String,
    text: String,
}

/// Operations that belong together.
struct Group {
    name: String,
    text: String,
    operations: Vec<Operation>,
}

/// The description of the interface. Reading it takes some milliseconds, so it is read once.
pub struct Interface(Vec<Group>);

impl Interface {
    /// The interface that `openapi`, an OpenAPI document as JSON, describes.
    #[must_use]
    pub fn read(openapi: &str) -> Self {
        let document: Value = serde_json::from_str(openapi).unwrap_or_default();
        Self(groups(&document))
    }
}

/// The page of the HTTP interface.
#[derive(Template)]
#[template(path = "docs.html")]
pub struct DocsPage<'a> {
    /// What surrounds it.
    pub frame: &'a Frame,
    /// The interface.
    pub interface: &'a Interface,
}

impl DocsPage<'_> {
    /// The page as text.
    #[must_use]
    pub fn html(&self) -> String {
        render(self)
    }
}

/// The groups in the order of the document's tags; those without a text come last.
fn groups(document: &Value) -> Vec<Group> {
    let tags = document["tags"].as_array().into_iter().flatten();
    let mut groups: Vec<Group> = tags
        .map(|tag| Group {
            name: text(&tag["name"]),
            text: text(&tag["description"]),
            operations: Vec::new(),
        })
        .collect();
    for (path, verbs) in document["paths"].as_object().into_iter().flatten() {
        for (verb, operation) in verbs.as_object().into_iter().flatten() {
            let tag = text(&operation["tags"][0]);
            let described = describe(document, path, verb, operation);
            match groups.iter_mut().find(|group| group.name == tag) {
                Some(group) => group.operations.push(described),
                None => groups.push(Group { name: tag, text: String::new(), operations: vec![described] }),
            }
        }
    }
    groups.retain(|group| !group.operations.is_empty());
    groups
}

fn describe(document: &Value, path: &str, verb: &str, operation: &Value) -> Operation {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|parameter| resolve(document, parameter)).map(|parameter| Line {
        name: format!("{} ({})", text(&parameter["name"]), text(&parameter["in"])),
        text: text(&parameter["description"]),
    });
    let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
    let answers = operation["responses"].as_object().into_iter().flatten();
    let answers = answers.map(|(status, answer)| Line {
        name: status.clone(),
        text: text(&resolve(document, answer)["description"]),
    });
    Operation {
        verb: verb.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        details: text(&operation["description"]),
        parameters: parameters.collect(),
        bodies: bodies.map(|(media, _)| media.clone()).collect(),
        answers: answers.collect(),
    }
}

/// Follows a reference into the document (`#/components/...`).
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
