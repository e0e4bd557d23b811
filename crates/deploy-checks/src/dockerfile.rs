//! Reads the parts of a Dockerfile that the tests check.

use crate::text;

/// The instructions of a Dockerfile, with continued lines joined and without comments.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    instructions: Vec<(String, String)>,
}

impl Dockerfile {
    /// Reads `docker/Dockerfile.<part>`.
    #[must_use]
    pub fn of(part: &str) -> Self {
        let text = text(&format!("docker/Dockerfile.{part}"));
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
        let joined = lines.join("\n").replace("\\\n", " ");
        let instructions = joined
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()))
            .collect();
        Self { instructions }
    }

    /// The instructions before the last `FROM`, which build the program.
    #[must_use]
    pub fn build(&self) -> &[(String, String)] {
        &self.instructions[..self.last_from()]
    }

    /// The instructions from the last `FROM` on, which make the shipped image.
    #[must_use]
    pub fn image(&self) -> &[(String, String)] {
        &self.instructions[self.last_from()..]
    }

    fn last_from(&self) -> usize {
        self.instructions.iter().rposition(|(name, _)| name == "FROM").unwrap_or_default()
    }

    /// The argument of an instruction of the shipped image; empty if there is no such instruction.
    #[must_use]
    pub fn says(&self, instruction: &str) -> &str {
        self.image().iter().find(|(name, _)| name == instruction).map_or("", |(_, rest)| rest)
    }

    /// A variable that the shipped image sets.
    #[must_use]
    pub fn env(&self, name: &str) -> Option<&str> {
        self.envs().into_iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// All variables that the shipped image sets.
    #[must_use]
    pub fn envs(&self) -> Vec<(&str, &str)> {
        let envs = self.image().iter().filter(|(name, _)| name == "ENV");
        envs.flat_map(|(_, rest)| rest.split_whitespace()).filter_map(|pair| pair.split_once('=')).collect()
    }
}
