//! libpq connection strings of the form `key='value' …`
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>).

use std::fmt::Write as _;

/// Keyword and value pairs, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conninfo(Vec<(String, String)>);

impl Conninfo {
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.push((key.to_owned(), value.into()));
        self
    }

    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.0.retain(|(name, _)| name != key);
        self
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Reads a connection string; `None` if it is not of this form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut pairs = Vec::new();
        let mut chars = text.chars().peekable();
        loop {
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            if chars.peek().is_none() {
                return Some(Self(pairs));
            }
            let mut key = String::new();
            while let Some(c) = chars.next_if(|c| *c != '=' && !c.is_whitespace()) {
                key.push(c);
            }
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            chars.next_if_eq(&'=')?;
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            let quoted = chars.next_if_eq(&'\'').is_some();
            let mut value = String::new();
            loop {
                match chars.next() {
                    Some('\\') => value.push(chars.next()?),
                    Some('\'') if quoted => break,
                    Some(c) if !quoted && c.is_whitespace() => break,
                    Some(c) => value.push(c),
                    None if quoted => return None,
                    None => break,
                }
            }
            pairs.push((key, value));
        }
    }
}

/// Values are quoted only where they must be.
impl std::fmt::Display for Conninfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = String::new();
        for (key, value) in &self.0 {
            if !out.is_empty() {
                out.push(' ');
            }
            let plain = !value.is_empty()
                && !value
                    .chars()
                    .any(|c| c.is_whitespace() || c == '\'' || c == '\\');
            if plain {
                write!(out, "{key}={value}")?;
            } else {
                let escaped = value.replace('\\', r"\\").replace('\'', r"\'");
                write!(out, "{key}='{escaped}'")?;
            }
        }
        f.write_str(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let written = Conninfo::default()
            .with("host", "172.30.7.11")
            .with("password", r"a 'b' \c")
            .with("options", "");
        let text = written.to_string();
        assert_eq!(text, r"host=172.30.7.11 password='a \'b\' \\c' options=''");
        assert_eq!(Conninfo::parse(&text), Some(written));
        assert_eq!(Conninfo::parse("host"), None);
    }
}
