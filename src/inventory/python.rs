//! Python's literals, which is what a value in an INI inventory is: `5`, `'a b'`, `[1, 2]`, `{'name': 'app'}`, `True`.
//!
//! As `ast.literal_eval`, with what ansible-core 2.19 then does: tuples and sets are lists. What is no literal is text.

use std::iter::Peekable;
use std::str::Chars;

use crate::yaml::Value;

use crate::problem::Span;
use crate::yaml::{Key, Map, Node};

/// The value that a text spells; `None` where it is no literal, and so stands for itself. All of it is at `span`.
pub(super) fn literal(text: &str, span: &Span) -> Option<Node> {
    let mut reader = Reader {
        rest: text.chars().peekable(),
        span,
    };
    let value = reader.items(None)?;
    reader.blank();
    match reader.rest.peek() {
        None | Some('#') => Some(value),
        Some(_) => None,
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    span: &'a Span,
}

impl Reader<'_> {
    fn node(&self, value: Value) -> Node {
        Node {
            value,
            span: self.span.clone(),
        }
    }

    fn blank(&mut self) {
        while self.rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.blank();
        self.rest.next_if_eq(&wanted).is_some()
    }

    /// One value, or several with commas between them, which are a list; up to `close`, or to the end.
    fn items(&mut self, close: Option<char>) -> Option<Node> {
        let mut items = Vec::new();
        let mut is_list = close == Some(']');
        loop {
            self.blank();
            let is_end = match (close, self.rest.peek()) {
                (Some(close), Some(c)) => *c == close,
                (None, None | Some('#')) => true,
                (Some(_), None) => return None,
                (None, Some(_)) => false,
            };
            if is_end {
                break;
            }
            items.push(self.value()?);
            if !self.eat(',') {
                break;
            }
            is_list = true;
        }
        if let Some(close) = close
            && !self.eat(close)
        {
            return None;
        }
        // `()` is an empty tuple, and nothing at all is no value.
        match (
            is_list || (items.is_empty() && close.is_some()),
            items.len(),
        ) {
            (true, _) => Some(self.node(Value::Sequence(items))),
            (false, 1) => items.pop(),
            _ => None,
        }
    }

    fn value(&mut self) -> Option<Node> {
        self.blank();
        match *self.rest.peek()? {
            '[' => {
                self.rest.next();
                self.items(Some(']'))
            }
            '(' => {
                self.rest.next();
                self.items(Some(')'))
            }
            '{' => {
                self.rest.next();
                self.braces()
            }
            '\'' | '"' => self.texts(),
            c if c.is_ascii_digit() || matches!(c, '+' | '-' | '.') => self.number(),
            _ => self.word(),
        }
    }

    /// A dictionary, or a set, which is a list.
    fn braces(&mut self) -> Option<Node> {
        let mut map = Map::default();
        let mut set = Vec::new();
        loop {
            if self.eat('}') {
                break;
            }
            // Python has no set of these, and `{{ 'x' }}` is a template.
            if matches!(self.rest.peek(), Some('{' | '[')) {
                return None;
            }
            let first = self.value()?;
            if self.eat(':') {
                let value = self.value()?;
                let name = key(&first.value)?;
                map.0.retain(|(known, _)| known.name != name);
                let span = self.span.clone();
                map.0.push((Key { name, span }, value));
            } else {
                set.push(first);
            }
            if !self.eat(',') {
                if self.eat('}') {
                    break;
                }
                return None;
            }
        }
        match (map.is_empty(), set.is_empty()) {
            (_, true) => Some(self.node(Value::Map(map))),
            (true, false) => Some(self.node(Value::Sequence(set))),
            (false, false) => None,
        }
    }

    /// Quoted texts, one after the other, are one.
    fn texts(&mut self) -> Option<Node> {
        let mut text = String::new();
        while let Some(quote) = self.rest.next_if(|c| matches!(c, '\'' | '"')) {
            self.text(quote, false, &mut text)?;
            self.blank();
        }
        Some(self.node(Value::String(text)))
    }

    fn text(&mut self, quote: char, is_raw: bool, text: &mut String) -> Option<()> {
        loop {
            match self.rest.next()? {
                c if c == quote => return Some(()),
                '\\' if is_raw => {
                    text.push('\\');
                    text.push(self.rest.next()?);
                }
                '\\' => self.escape(text)?,
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Option<()> {
        let c = self.rest.next()?;
        let plain = match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '\\' | '\'' | '"' => c,
            'x' => self.code(2, 16)?,
            'u' => self.code(4, 16)?,
            'U' => self.code(8, 16)?,
            '0'..='7' => {
                let mut code = c.to_digit(8)?;
                while code < 0o100
                    && let Some(digit) = self.rest.next_if(|c| c.is_digit(8))
                {
                    code = code * 8 + digit.to_digit(8)?;
                }
                char::from_u32(code)?
            }
            'N' => return None,
            other => {
                text.push('\\');
                other
            }
        };
        text.push(plain);
        Some(())
    }

    fn code(&mut self, digits: usize, radix: u32) -> Option<char> {
        let mut code = 0_u32;
        for _ in 0..digits {
            code = code.checked_mul(radix)? + self.rest.next()?.to_digit(radix)?;
        }
        char::from_u32(code)
    }

    fn number(&mut self) -> Option<Node> {
        let mut text = String::new();
        while let Some(c) = self
            .rest
            .next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-'))
        {
            text.push(c);
        }
        number(&text).map(|value| self.node(value))
    }

    /// `True`, `None`, or the letters before a quote.
    fn word(&mut self) -> Option<Node> {
        let mut word = String::new();
        while let Some(c) = self
            .rest
            .next_if(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            word.push(c);
        }
        let value = match word.as_str() {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            _ => {
                let prefix = word.to_ascii_lowercase();
                let quote = self.rest.next_if(|c| matches!(c, '\'' | '"'))?;
                let is_raw = match prefix.as_str() {
                    "u" | "b" => false,
                    "r" | "rb" | "br" => true,
                    _ => return None,
                };
                let mut text = String::new();
                self.text(quote, is_raw, &mut text)?;
                Value::String(text)
            }
        };
        Some(self.node(value))
    }
}

/// The name that JSON has for a key.
fn key(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null => Some("null".to_owned()),
        _ => None,
    }
}

fn number(text: &str) -> Option<Value> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let is_spaced = digits.ends_with('_') || digits.contains("__");
    let starts = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if is_spaced || !starts {
        return None;
    }
    let plain = digits.replace('_', "").to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = plain.strip_prefix(prefix) {
            let number = format!("{sign}{digits}");
            return i64::from_str_radix(&number, radix).ok().map(Value::Int);
        }
    }
    if plain.bytes().all(|byte| byte.is_ascii_digit()) {
        let is_octal = plain.starts_with('0') && plain.bytes().any(|byte| byte != b'0');
        let number = format!("{sign}{plain}").parse().ok().map(Value::Int);
        return number.filter(|_| !is_octal);
    }
    let is_float = plain
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'+' | b'-'));
    let number = format!("{sign}{plain}").parse().ok().map(Value::Float);
    number.filter(|_| is_float)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::problem::Source;

    fn read(text: &str) -> Option<serde_json::Value> {
        let source = Arc::new(Source {
            name: "hosts".into(),
            text: String::new(),
            vaulted: false,
        });
        let span = Span {
            source,
            start: 0,
            len: 0,
        };
        literal(text, &span).map(|node| node.to_json())
    }

    #[test]
    fn literals_are_read_as_python_reads_them() {
        for (text, value) in [
            ("5", json!(5)),
            ("-5", json!(-5)),
            ("1_000", json!(1000)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("00", json!(0)),
            ("1.50", json!(1.5)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("True", json!(true)),
            ("None", json!(null)),
            ("'a b'", json!("a b")),
            ("\"it's\"", json!("it's")),
            ("'a' 'b'", json!("ab")),
            (r"'a\tb\x41\\'", json!("a\tbA\\")),
            (r"r'\d'", json!("\\d")),
            ("u'x'", json!("x")),
            ("b'x'", json!("x")),
            ("[1, 'a', [True]]", json!([1, "a", [true]])),
            ("(1, 2)", json!([1, 2])),
            ("(1)", json!(1)),
            ("()", json!([])),
            ("1,2", json!([1, 2])),
            ("1,", json!([1])),
            ("{}", json!({})),
            (
                "{'a': 1, 'b': {'c': None,},}",
                json!({"a": 1, "b": {"c": null}}),
            ),
            ("{1: 'x'}", json!({"1": "x"})),
            ("{1, 2}", json!([1, 2])),
            (" 5 # five", json!(5)),
        ] {
            assert_eq!(read(text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_literal_is_text() {
        for text in [
            "",
            "a",
            "yes",
            "true",
            "0644",
            "10.0.0.1",
            "a,b",
            "5 6",
            "[1",
            "{'a': }",
            "'a",
            "f'x'",
            "--1",
            "1__0",
            "1_",
            "5m",
            "{{ x }}",
            "{{ 'x' }}",
            "[a]",
            "-o X=1",
            "1.2.3",
            "+",
            "-",
            ".",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
