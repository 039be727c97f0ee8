//! `synchronous_standby_names`: which standbys a commit waits for
//! (<https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES>).

use std::iter::Peekable;
use std::str::Chars;

/// A commit waits until `count` of the named standbys have its WAL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synchronous {
    pub count: usize,
    /// `FIRST` or `ANY` of them makes no difference to whether there are enough.
    pub names: Vec<String>,
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Mark(char),
}

impl Synchronous {
    /// Reads the value of the setting; `None` if it is empty, and no commit waits, or cannot be read.
    pub fn parse(text: &str) -> Option<Self> {
        let tokens = tokens(text)?;
        let is = |token: &Token, keyword: &str| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(keyword));
        let (method, rest) = match tokens.split_first()? {
            (first, rest) if is(first, "first") || is(first, "any") => (true, rest),
            _ => (false, &tokens[..]),
        };
        // A number alone is a name; before a bracket it is the count.
        let (count, list) = match rest {
            [
                Token::Word(count),
                Token::Mark('('),
                list @ ..,
                Token::Mark(')'),
            ] => (count.parse().ok().filter(|count| *count > 0)?, list),
            _ if method => return None,
            list => (1, list),
        };
        let names = list
            .chunks(2)
            .map(|chunk| match chunk {
                [Token::Word(name) | Token::Quoted(name)]
                | [Token::Word(name) | Token::Quoted(name), Token::Mark(',')] => Some(name.clone()),
                _ => None,
            })
            .collect::<Option<Vec<String>>>()?;
        // One name more than commas.
        (list.len() % 2 == 1).then_some(Self { count, names })
    }

    /// Each name once, as it was first written.
    pub fn distinct(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for name in &self.names {
            if !found.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                found.push(name);
            }
        }
        found
    }

    /// Whether a standby with this `application_name` is among them. PostgreSQL does not look at case.
    pub fn includes(&self, name: &str) -> bool {
        self.names
            .iter()
            .any(|known| known == "*" || known.eq_ignore_ascii_case(name))
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut chars = text.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_ascii_whitespace() => {}
            '(' | ')' | ',' => tokens.push(Token::Mark(c)),
            '"' => tokens.push(Token::Quoted(quoted(&mut chars)?)),
            '*' => tokens.push(Token::Word("*".to_owned())),
            c if is_plain(c) => {
                let mut word = c.to_string();
                while let Some(c) = chars.next_if(|c| is_plain(*c)) {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            _ => return None,
        }
    }
    Some(tokens)
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// The rest of a quoted name; a doubled quote stands for one.
fn quoted(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut name = String::new();
    loop {
        match chars.next()? {
            '"' if chars.next_if_eq(&'"').is_none() => return Some(name),
            c => name.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(usize, Vec<String>)> {
        Synchronous::parse(text).map(|found| (found.count, found.names))
    }

    fn some(count: usize, names: &[&str]) -> Option<(usize, Vec<String>)> {
        Some((count, names.iter().map(|&name| name.to_owned()).collect()))
    }

    #[test]
    fn each_form_of_the_documentation() {
        assert_eq!(read("FIRST 2 (s1, s2, s3)"), some(2, &["s1", "s2", "s3"]));
        assert_eq!(read("any 1 (s1,s2)"), some(1, &["s1", "s2"]));
        assert_eq!(read("2 (s1, s2)"), some(2, &["s1", "s2"]));
        assert_eq!(read(" s1 , s2 "), some(1, &["s1", "s2"]));
        assert_eq!(read("*"), some(1, &["*"]));
        assert_eq!(read("ANY 2 (*)"), some(2, &["*"]));
        assert_eq!(read("1, 2"), some(1, &["1", "2"]));
    }

    #[test]
    fn names_that_must_be_quoted() {
        let text = r#"FIRST 1 ("node-1", "a ""b"", (c)")"#;
        assert_eq!(read(text), some(1, &["node-1", r#"a "b", (c)"#]));
    }

    #[test]
    fn case_makes_no_difference() {
        let names = Synchronous::parse("Node1").unwrap();
        assert!(names.includes("node1"));
        assert!(!names.includes("node2"));
        assert!(Synchronous::parse("*").unwrap().includes("node2"));
    }

    #[test]
    fn a_name_counts_once() {
        let names = Synchronous::parse(r#"ANY 2 (node2, Node2, "NODE2", node3)"#).unwrap();
        assert_eq!(names.distinct(), ["node2", "node3"]);
    }

    #[test]
    fn nothing_to_wait_for_or_not_to_be_read() {
        for text in [
            "",
            "  ",
            "FIRST",
            "FIRST 2",
            "ANY x (a)",
            "a,",
            ", a",
            "a b",
            "2 (a",
            "2 ()",
            "a-b",
            "\"a",
            "FIRST (a)",
            "FIRST 0 (a)",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
