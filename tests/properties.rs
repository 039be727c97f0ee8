//! Properties of what is written for others to read: shells, PostgreSQL, libpq, and pgha itself.

use std::process::Command;

use pgha::postgres::conninfo::Conninfo;
use pgha::postgres::ident::{quote_ident, quote_literal, quote_setting};
use pgha::postgres::lsn::Lsn;
use pgha::postgres::setting;
use pgha::secret::{Form, Secrets, Text, marker};
use pgha::shell;
use proptest::collection::vec;
use proptest::prelude::*;

/// Any characters, those that mean something to somebody most often.
fn text() -> impl Strategy<Value = String> {
    let special = proptest::sample::select(
        "'\"\\`$!#&|;<>(){}[]*?~=%@,:. \t\n\r-/+^aZ0é☃\u{a0}\u{1b}\u{7f}"
            .chars()
            .collect::<Vec<_>>(),
    );
    let any = any::<char>().prop_filter("no NUL", |c| *c != '\0');
    vec(prop_oneof![3 => special, 1 => any], 0..24).prop_map(String::from_iter)
}

/// One line of it, as an inventory may hold.
fn line() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.chars().filter(|c| !c.is_control()).collect())
}

/// The value of an SQL string literal, read as the manual says
/// (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS>); `None` if it ends early or goes on.
fn read_literal(written: &str) -> Option<String> {
    let escapes = written.starts_with('E');
    let mut chars = written.trim_start_matches('E').strip_prefix('\'')?.chars();
    let mut value = String::new();
    loop {
        match chars.next()? {
            '\'' => match chars.next() {
                Some('\'') => value.push('\''),
                Some(_) => return None,
                None => return Some(value),
            },
            '\\' if escapes => match chars.next()? {
                c @ ('\\' | '\'') => value.push(c),
                _ => return None,
            },
            // A server with `standard_conforming_strings` off would take it for an escape.
            '\\' => return None,
            c => value.push(c),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_shell_takes_words_as_they_are(words in vec(text(), 1..6)) {
        let script = format!("printf '%s\\0' {}", shell::join(&words));
        let out = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        let mut wanted = words.join("\0").into_bytes();
        wanted.push(0);
        prop_assert_eq!(out.stdout, wanted, "{}", script);
        prop_assert!(out.stderr.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_literal_is_read_back(value in text()) {
        prop_assert_eq!(read_literal(&quote_literal(&value)), Some(value));
    }

    #[test]
    fn an_identifier_is_read_back(name in text()) {
        let quoted = quote_ident(&name);
        let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
        prop_assert!(!inside.replace("\"\"", "").contains('"'));
        prop_assert_eq!(inside.replace("\"\"", "\""), name);
    }

    #[test]
    fn a_setting_is_read_back(value in line(), other in line()) {
        let file = format!("one = {}\n# a comment\ntwo={}\n", quote_setting(&value), quote_setting(&other));
        let read = setting::parse(&file).unwrap();
        prop_assert_eq!(read.get("one"), Some(&value));
        prop_assert_eq!(read.get("two"), Some(&other));
        prop_assert_eq!(read.len(), 2);
    }

    #[test]
    fn a_conninfo_is_read_back(pairs in vec(("[a-z_]{1,8}", text()), 0..5)) {
        let written = pairs.iter().fold(Conninfo::default(), |conninfo, (key, value)| conninfo.with(key, value.as_str()));
        prop_assert_eq!(Conninfo::parse(&written.to_string()), Some(written));
    }

    #[test]
    fn no_conninfo_makes_the_reader_panic(written in text()) {
        if let Some(read) = Conninfo::parse(&written) {
            prop_assert_eq!(Conninfo::parse(&read.to_string()), Some(read));
        }
    }

    #[test]
    fn rendered_text_is_the_text_again(pieces in vec((text(), text(), any::<bool>()), 0..5), tail in text()) {
        let rendered: String = pieces
            .iter()
            .map(|(before, name, plain)| format!("{before}{}", marker(name, if *plain { Form::Plain } else { Form::PgPass })))
            .collect::<String>()
            + &tail;
        let parsed = Text::parse(&rendered);
        prop_assert_eq!(Text::parse(&parsed.rendered()), parsed.clone());
        let stored: Text = serde_json::from_str(&serde_json::to_string(&parsed).unwrap()).unwrap();
        prop_assert_eq!(stored, parsed);
    }

    #[test]
    fn broken_markers_are_text_like_any_other(rendered in "[a\u{FDD0}\u{FDD1}\u{FDD2}]{0,12}") {
        let parsed = Text::parse(&rendered);
        prop_assert_eq!(Text::parse(&parsed.rendered()), parsed);
    }

    #[test]
    fn a_secret_is_revealed_and_never_shown(before in line(), secret in "[!-~]{12,24}") {
        let mut secrets = Secrets::default();
        secrets.insert("app", &secret);
        let text = Text::parse(&format!("{before}{}", marker("app", Form::Plain)));
        prop_assert_eq!(text.reveal(&secrets), Ok(format!("{before}{secret}")));
        prop_assert_eq!(text.to_string(), format!("{before}<secret app>"));
    }

    #[test]
    fn a_pgpass_field_is_one_field(secret in line()) {
        let mut fields = vec![String::new()];
        let written = Form::PgPass.apply(&secret);
        let mut chars = written.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => fields.last_mut().unwrap().extend(chars.next()),
                ':' => fields.push(String::new()),
                c => fields.last_mut().unwrap().push(c),
            }
        }
        prop_assert_eq!(fields, [secret]);
    }

    #[test]
    fn a_position_is_read_back(value in any::<u64>()) {
        prop_assert_eq!(Lsn(value).to_string().parse::<Lsn>().unwrap(), Lsn(value));
    }

    #[test]
    fn a_value_is_the_same_as_itself_in_another_unit(value in 1..1_000_000_i64, unit in proptest::sample::select(vec!["8kB", "kB", "MB", "B", "ms", "s", "min"])) {
        let raw = value.to_string();
        let written = setting::with_unit(&raw, Some(unit));
        prop_assert!(setting::same(&written, &raw, Some(unit), "integer"), "{}", written);
        prop_assert!(!setting::same(&written, &(value + 1).to_string(), Some(unit), "integer"));
    }
}
