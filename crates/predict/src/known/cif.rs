//! CIF 1.1 syntax: the categories of the first data block, as tables.

use std::collections::HashMap;

use super::KnownError;

/// The tables of a data block, by the name of the category in lower case and without `_`.
#[derive(Debug, Default)]
pub(super) struct Block<'a> {
    tables: HashMap<String, Table<'a>>,
}

/// One category.
#[derive(Debug, Default)]
pub(super) struct Table<'a> {
    items: Vec<String>,
    values: Vec<Value<'a>>,
}

/// A value. `?` and `.` without quotes are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Text(&'a str),
    None,
}

impl<'a> Value<'a> {
    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::None => None,
        }
    }
}

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'t, 'a> {
    table: &'t Table<'a>,
    values: &'t [Value<'a>],
}

impl<'a> Row<'_, 'a> {
    /// The value of an item; `None` if the table has no such item, or the value is unknown.
    pub(super) fn get(&self, item: &str) -> Option<&'a str> {
        self.values.get(self.table.items.iter().position(|name| name == item)?)?.text()
    }
}

impl<'a> Table<'a> {
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_, 'a>> {
        self.values.chunks(self.items.len().max(1)).map(|values| Row { table: self, values })
    }
}

impl<'a> Block<'a> {
    pub(super) fn table(&self, category: &str) -> Option<&Table<'a>> {
        self.tables.get(category)
    }

    /// The rows of a category; none if it is not there.
    pub(super) fn rows(&self, category: &str) -> impl Iterator<Item = Row<'_, 'a>> {
        self.table(category).into_iter().flat_map(Table::rows)
    }
}

enum Token<'a> {
    Data,
    Loop,
    /// The name of an item: category and item.
    Name(&'a str),
    Value(Value<'a>),
    /// `save_`, `global_`, `stop_`: not in files of data.
    Reserved(&'a str),
}

/// Reads the first data block.
///
/// # Errors
/// For wrong syntax.
pub(super) fn parse(text: &str) -> Result<Block<'_>, KnownError> {
    let mut block = Block::default();
    let mut tokens = Tokens { text, at: 0, line: 1 };
    let mut pending = tokens.next()?;
    if !matches!(pending, Some((_, Token::Data))) {
        return Err(wrong("the text does not begin with data_").at(tokens.line));
    }
    pending = tokens.next()?;
    while let Some((line, token)) = pending.take() {
        match token {
            // What follows is another entry.
            Token::Data => break,
            Token::Name(name) => {
                let Some((_, Token::Value(value))) = tokens.next()? else {
                    return Err(wrong(&format!("{name} has no value")).at(line));
                };
                let (category, item) = split(name).ok_or_else(|| no_item(name).at(line))?;
                let table = block.tables.entry(category).or_default();
                table.items.push(item);
                table.values.push(value);
                pending = tokens.next()?;
            }
            Token::Loop => pending = read_loop(&mut tokens, &mut block, line)?,
            Token::Value(_) => return Err(wrong("a value without a name").at(line)),
            Token::Reserved(word) => {
                return Err(wrong(&format!("{word} has no place in a file of data")).at(line));
            }
        }
    }
    Ok(block)
}

/// Reads a loop, and returns the token after it.
fn read_loop<'a>(
    tokens: &mut Tokens<'a>,
    block: &mut Block<'a>,
    line: usize,
) -> Result<Option<(usize, Token<'a>)>, KnownError> {
    let mut table = Table::default();
    let mut of = String::new();
    let mut token = tokens.next()?;
    while let Some((line, Token::Name(name))) = token {
        let (category, item) = split(name).ok_or_else(|| no_item(name).at(line))?;
        of = category;
        table.items.push(item);
        token = tokens.next()?;
    }
    while let Some((_, Token::Value(value))) = token {
        table.values.push(value);
        token = tokens.next()?;
    }
    let (items, values) = (table.items.len(), table.values.len());
    if items == 0 {
        return Err(wrong("a loop without names").at(line));
    }
    if values % items != 0 {
        let detail =
            format!("the loop of _{of} has {values} values for {items} names: the last row is not complete");
        return Err(wrong(&detail).at(line));
    }
    block.tables.insert(of, table);
    Ok(token)
}

fn split(name: &str) -> Option<(String, String)> {
    let (category, item) = name.strip_prefix('_')?.split_once('.')?;
    Some((category.to_ascii_lowercase(), item.to_owned()))
}

fn no_item(name: &str) -> KnownError {
    wrong(&format!("{name} is no name of mmCIF, which is _category.item"))
}

fn wrong(detail: &str) -> KnownError {
    KnownError::new(detail, "give the whole mmCIF file; part of it may be missing")
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<Option<(usize, Token<'a>)>, KnownError> {
        self.skip_blanks();
        let (line, rest) = (self.line, &self.text[self.at..]);
        let Some(first) = rest.bytes().next() else { return Ok(None) };
        let begins_line = self.at == 0 || self.text.as_bytes()[self.at - 1] == b'\n';
        let token = match first {
            b';' if begins_line => Token::Value(Value::Text(self.text_field()?)),
            b'\'' | b'"' => Token::Value(Value::Text(self.quoted(first)?)),
            _ => {
                let word = &rest[..rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len())];
                self.at += word.len();
                word_token(word)
            }
        };
        Ok(Some((line, token)))
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'\n' => self.line += 1,
                b'#' => {
                    let rest = &self.text[self.at..];
                    self.at += rest.find('\n').unwrap_or(rest.len());
                    continue;
                }
                byte if byte.is_ascii_whitespace() => {}
                _ => return,
            }
            self.at += 1;
        }
    }

    /// Lines between two `;` at the start of lines.
    fn text_field(&mut self) -> Result<&'a str, KnownError> {
        let rest = &self.text[self.at + 1..];
        let end =
            rest.find("\n;").ok_or_else(|| wrong("a text that begins with ; has no end").at(self.line))?;
        self.at += 1 + end + 2;
        self.line += rest[..=end].matches('\n').count();
        Ok(&rest[..end])
    }

    /// A quote ends before a blank only.
    fn quoted(&mut self, quote: u8) -> Result<&'a str, KnownError> {
        let rest = &self.text[self.at + 1..];
        let bytes = rest.as_bytes();
        let ends = |&i: &usize| bytes[i] == quote && bytes.get(i + 1).is_none_or(u8::is_ascii_whitespace);
        let line = rest.find('\n').unwrap_or(rest.len());
        let end =
            (0..line).find(ends).ok_or_else(|| wrong("a quote has no end on its line").at(self.line))?;
        self.at += end + 2;
        Ok(&rest[..end])
    }
}

fn word_token(word: &str) -> Token<'_> {
    let begins = |with: &str| word.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    if word.starts_with('_') {
        Token::Name(word)
    } else if begins("data_") {
        Token::Data
    } else if word.eq_ignore_ascii_case("loop_") {
        Token::Loop
    } else if begins("save_") || word.eq_ignore_ascii_case("global_") || word.eq_ignore_ascii_case("stop_") {
        Token::Reserved(word)
    } else if word == "?" || word == "." {
        Token::Value(Value::None)
    } else {
        Token::Value(Value::Text(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_every_form() {
        let text = "# a comment\ndata_x\n_a.one 1\n_a.two 'it''s' # and\n_A.Three\n;two\nlines\n;\nloop_\n_b.x\n_b.y\n\
                    . \"a b\"\n? 'o'clock'\n_c.d ';'\n";
        let block = parse(text).unwrap();
        let row = block.rows("a").next().unwrap();
        assert_eq!(
            (row.get("one"), row.get("two"), row.get("Three")),
            (Some("1"), Some("it''s"), Some("two\nlines"))
        );
        let rows: Vec<_> = block.rows("b").map(|row| (row.get("x"), row.get("y"))).collect();
        assert_eq!(rows, [(None, Some("a b")), (None, Some("o'clock"))]);
        assert_eq!(block.rows("c").next().unwrap().get("d"), Some(";"));
        assert_eq!(block.rows("none").count(), 0);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, expected) in [
            ("loop_\n", "line 1: the text does not begin with data_"),
            ("data_x\n_a.b\n", "line 2: _a.b has no value"),
            ("data_x\n\nloop_\n_a.b\n_a.c\n1 2\n3\n", "line 3: the loop of _a has 3 values for 2 names"),
            ("data_x\n_a.b 'c\n", "line 2: a quote has no end"),
            ("data_x\n_a.b\n;c\nd", "line 3: a text that begins with ; has no end"),
            ("data_x\nstray\n", "line 2: a value without a name"),
            ("data_x\n_a 1\n", "line 2: _a is no name of mmCIF"),
            ("data_x\nsave_frame\n", "line 2: save_frame has no place"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
