//! Converts texts to typed values.

use super::fault::Fault;
use super::setting::Setting;
use super::value::FromValue;

/// Reads settings one by one and collects the faults. A setting with a fault has its default value.
pub(super) struct Reader<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    read: Vec<&'static Setting>,
    pub(super) faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    /// A reader that looks variables up with `get`.
    pub(super) fn new(get: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { get, read: Vec::new(), faults: Vec::new() }
    }

    /// The value of a setting.
    ///
    /// # Panics
    /// If an entry of the list is wrong: its type does not fit its kind of value, or its default is not valid.
    pub(super) fn value<T: FromValue>(&mut self, setting: Option<&'static Setting>) -> T {
        let Some(setting) = setting else { panic!("more values are read than there are settings") };
        self.read.push(setting);
        let default = || match setting.kind.parse(setting.default) {
            Ok(value) => value,
            Err(remedy) => panic!("the default of {} cannot be used: {remedy}", setting.name),
        };
        let value = match self.given(setting.name) {
            None => default(),
            Some(given) => setting.kind.parse(&given).unwrap_or_else(|remedy| {
                self.fault(setting.name, remedy);
                default()
            }),
        };
        match T::from_value(value) {
            Some(value) => value,
            None => panic!("{} has a type that its kind does not fit", setting.name),
        }
    }

    /// Adds a fault of a setting that was read before. Only the first fault of a setting is kept.
    pub(super) fn fault(&mut self, name: &'static str, remedy: String) {
        if self.faults.iter().any(|fault| fault.name == name) {
            return;
        }
        let setting = self.read.iter().find(|setting| setting.name == name);
        let given = self.given(name).or_else(|| setting.map(|setting| setting.default.to_owned()));
        let secret = setting.is_some_and(|setting| setting.is_secret());
        let value = if secret { "***".to_owned() } else { given.unwrap_or_default() };
        self.faults.push(Fault { name, value, remedy });
    }

    /// The text of a variable. An empty one counts as not set.
    fn given(&self, name: &str) -> Option<String> {
        (self.get)(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }
}
