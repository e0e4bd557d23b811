//! Reads CloudFormation templates, also with short forms (`!Ref`), and evaluates them for given parameters.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::text;

/// A template with the values of its parameters.
#[derive(Debug, Clone)]
pub struct Template {
    doc: Value,
    parameters: BTreeMap<String, String>,
}

/// The pseudo parameter that removes a property.
const NO_VALUE: &str = "AWS::NoValue";

impl Template {
    /// Reads a template of the repository, such as `infra/template.yaml`. Parameters that are not given have their
    /// defaults.
    ///
    /// # Panics
    /// If the template cannot be read, or has no parameter with a given name.
    #[must_use]
    pub fn of(path: &str, given: &[(&str, &str)]) -> Self {
        let node: Node =
            serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut parameters = BTreeMap::new();
        for (name, parameter) in node.0["Parameters"].as_object().into_iter().flatten() {
            parameters.insert(name.clone(), plain(&parameter["Default"]));
        }
        for (name, value) in given {
            let known = parameters.insert((*name).to_owned(), (*value).to_owned());
            assert!(known.is_some(), "{path} has no parameter {name}");
        }
        Self { doc: node.0, parameters }
    }

    /// The template without evaluation, in long forms (`{"Ref": …}`).
    #[must_use]
    pub fn written(&self) -> &Value {
        &self.doc
    }

    /// A resource as it would be created. References to other resources become `${Name}` or `${Name.Attribute}`. `None`
    /// if the condition of the resource is false.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<Value> {
        let resource = &self.doc["Resources"][name];
        assert!(resource.is_object(), "no resource {name}");
        let holds = resource["Condition"].as_str().is_none_or(|condition| self.condition(condition));
        holds.then(|| self.evaluate(resource).unwrap_or(Value::Null))
    }

    /// Every resource as it would be created, by name.
    #[must_use]
    pub fn resources(&self) -> BTreeMap<String, Value> {
        let names = self.doc["Resources"].as_object().into_iter().flatten().map(|(name, _)| name);
        names.filter_map(|name| Some((name.clone(), self.resource(name)?))).collect()
    }

    /// Whether a condition is true.
    #[must_use]
    pub fn condition(&self, name: &str) -> bool {
        let written = &self.doc["Conditions"][name];
        assert!(!written.is_null(), "no condition {name}");
        self.holds(written)
    }

    /// Why CloudFormation refuses these parameters: the descriptions of the assertions in `Rules` that are false.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        let rules = self.doc["Rules"].as_object().into_iter().flatten().map(|(_, rule)| rule);
        let applies = |rule: &&Value| rule.get("RuleCondition").is_none_or(|condition| self.holds(condition));
        let assertions =
            rules.filter(applies).flat_map(|rule| rule["Assertions"].as_array().expect("assertions"));
        let failed = assertions.filter(|one| !self.holds(&one["Assert"]));
        failed.map(|one| plain(&one["AssertDescription"])).collect()
    }

    fn holds(&self, condition: &Value) -> bool {
        let (function, argument) = call(condition).expect("a condition");
        let arguments = || argument.as_array().into_iter().flatten();
        match function {
            "Fn::Equals" => {
                let sides: Vec<_> = arguments().map(|side| self.evaluate(side).map(|v| plain(&v))).collect();
                sides[0] == sides[1]
            }
            "Fn::Not" => !arguments().any(|one| self.holds(one)),
            "Fn::And" => arguments().all(|one| self.holds(one)),
            "Fn::Or" => arguments().any(|one| self.holds(one)),
            "Condition" => self.condition(argument.as_str().unwrap_or_default()),
            other => panic!("{other} is no condition"),
        }
    }

    /// Evaluates the functions in a value. `None` if the value is removed.
    fn evaluate(&self, value: &Value) -> Option<Value> {
        if let Some((function, argument)) = call(value) {
            return self.function(function, argument);
        }
        Some(match value {
            Value::Array(list) => list.iter().filter_map(|one| self.evaluate(one)).collect(),
            Value::Object(map) => {
                let pairs = map.iter().filter_map(|(k, v)| Some((k.clone(), self.evaluate(v)?)));
                Value::Object(pairs.collect())
            }
            other => other.clone(),
        })
    }

    fn function(&self, function: &str, argument: &Value) -> Option<Value> {
        let part = |index: usize| self.evaluate(&argument[index]).map(|v| plain(&v)).unwrap_or_default();
        match function {
            "Ref" => self.reference(argument.as_str().unwrap_or_default()),
            "Fn::If" => self.evaluate(&argument[if self.condition(&part(0)) { 1 } else { 2 }]),
            "Fn::GetAtt" => Some(format!("${{{}}}", attribute(argument)).into()),
            "Fn::FindInMap" => {
                let found = &self.doc["Mappings"][part(0)][part(1)][part(2)];
                assert!(!found.is_null(), "{argument} is in no map");
                Some(found.clone())
            }
            "Fn::Sub" => Some(self.substitute(argument).into()),
            other => panic!("{other} is not known here"),
        }
    }

    fn reference(&self, name: &str) -> Option<Value> {
        if name == NO_VALUE {
            return None;
        }
        Some(self.parameters.get(name).map_or_else(|| format!("${{{name}}}"), Clone::clone).into())
    }

    fn substitute(&self, argument: &Value) -> String {
        let mut text = plain(argument.get(0).unwrap_or(argument));
        for (name, value) in argument.get(1).and_then(Value::as_object).into_iter().flatten() {
            let value = self.evaluate(value).unwrap_or_default();
            text = text.replace(&format!("${{{name}}}"), &plain(&value));
        }
        for (name, value) in &self.parameters {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        text
    }
}

/// The function that a value calls, and its argument.
fn call(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (name, argument) = map.iter().next()?;
    let is_call = name.starts_with("Fn::") || name == "Ref" || (name == "Condition" && argument.is_string());
    is_call.then_some((name.as_str(), argument))
}

fn attribute(argument: &Value) -> String {
    match argument {
        Value::Array(parts) => parts.iter().map(plain).collect::<Vec<_>>().join("."),
        other => plain(other),
    }
}

/// A scalar as text. CloudFormation also converts numbers to texts.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A YAML value whose tags are converted to the long forms of functions.
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let serde_saphyr::Tagged(Untagged(value), tag) = Deserialize::deserialize(deserializer)?;
        Ok(Self(match tag.as_deref().and_then(|tag| tag.strip_prefix('!')) {
            None => value,
            Some(name @ ("Ref" | "Condition")) => json!({ name: value }),
            Some(name) => json!({ format!("Fn::{name}"): value }),
        }))
    }
}

struct Untagged(Value);

impl<'de> Deserialize<'de> for Untagged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Node(value)) = access.next_element()? {
            list.push(value);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Node(value))) = access.next_entry::<String, Node>()? {
            map.insert(name, value);
        }
        Ok(map.into())
    }
}
