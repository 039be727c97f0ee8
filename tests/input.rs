//! Bad input, and what is said about it: each `tests/input/*.yml` has one fault, and beside it the `*.err` that pgha tells.
//! `PGHA_BLESS=1` writes the `*.err` anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgha::inventory::{self, Sources};
use pgha::playbook;
use pgha::problem::{Problem, Problems, Source};
use pgha::yaml;

const RESOURCES: [&str; 6] = [
    "command",
    "file",
    "package",
    "service",
    "template",
    "postgresql_role",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/input")
}

/// A file of the folder, under its bare name.
fn source(name: &str) -> Option<Arc<Source>> {
    let text = std::fs::read_to_string(folder().join(name)).ok()?;
    Some(Arc::new(Source {
        name: name.to_owned(),
        text,
        vaulted: false,
    }))
}

fn load(source: Arc<Source>) -> Result<(), Problems> {
    // As with `--strict`, so that what is only a warning is told as well.
    let warnings = inventory::load(&Sources::of(source, "/inventory"))?.warnings;
    if warnings.is_empty() {
        Ok(())
    } else {
        Err(Problems(warnings))
    }
}

/// A problem with its excerpt and hint.
fn tell(problem: &Problem) -> String {
    let mut out = format!("{problem}\n");
    if let Some(span) = &problem.span {
        let (line, column) = span.line_column();
        let text = span.source.text.lines().nth(line - 1).unwrap_or_default();
        let width = text.chars().count().saturating_sub(column - 1);
        let len = span.source.text[span.start..span.start + span.len]
            .chars()
            .count();
        let carets = "^".repeat(len.min(width).max(1));
        let indent: String = text
            .chars()
            .take(column - 1)
            .map(|c| if c == '\t' { c } else { ' ' })
            .collect();
        let _ = writeln!(out, "    {text}\n    {indent}{carets}");
    }
    if let Some(hint) = &problem.hint {
        let _ = writeln!(out, "  hint: {hint}");
    }
    out
}

#[test]
fn bad_input_is_told_as_the_golden_files_say() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yml"))
        .collect();
    names.sort();
    assert!(names.len() > 40);
    let mut wrong = Vec::new();
    for name in names {
        let source = source(&name).unwrap();
        let problems = match source.text.lines().next() {
            Some("# inventory") => load(source),
            Some("# playbook") => playbook::parse(&name, &RESOURCES, &self::source).map(drop),
            other => panic!("{name} begins with {other:?}"),
        }
        .expect_err(&name);
        for problem in &problems.0 {
            assert!(problem.hint.is_some(), "{name}: no hint: {problem}");
            assert!(
                !problem.what.ends_with('.'),
                "{name}: a full stop: {problem}"
            );
            assert!(
                !problem.what.starts_with(|c: char| c.is_uppercase()),
                "{name}: not a fragment: {problem}"
            );
        }
        let told: String = problems.0.iter().map(tell).collect();
        let golden = folder().join(name.replace(".yml", ".err"));
        if std::env::var_os("PGHA_BLESS").is_some() {
            std::fs::write(&golden, &told).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != told {
            wrong.push(format!("{name}:\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn text(name: &str, text: String) -> Arc<Source> {
    Arc::new(Source {
        name: name.to_owned(),
        text,
        vaulted: false,
    })
}

#[test]
fn hostile_input_is_refused_at_once() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let aliases = format!("*a{},", level - 1).repeat(9);
        let _ = writeln!(bomb, "a{level}: &a{level} [{aliases}]");
    }
    let cases = [
        ("huge", "a: b\n".repeat(10 << 20)),
        ("bomb", bomb),
        ("brackets", "[".repeat(500_000)),
        ("braces", "a: {".repeat(200_000)),
        ("dashes", "- ".repeat(200_000)),
        (
            "indented",
            (0..500)
                .map(|level| format!("{}a:\n", " ".repeat(level)))
                .collect(),
        ),
        ("question marks", "? ".repeat(100_000)),
        ("nul", "all: {vars: {x: \"\\x00\"}}".to_owned()),
        ("nul in a key", "all: {vars: {\"\\0\": 1}}".to_owned()),
        ("raw nul", "all: {vars: {x: \0}}".to_owned()),
        ("escape", "all: {vars: {x: \u{1b}[31m}}".to_owned()),
        ("marker", "all: {vars: {x: \u{fdd0}}}".to_owned()),
        ("escaped marker", "all: {vars: {x: \"\\uFDD1\"}}".to_owned()),
        ("nothing", String::new()),
    ];
    for (name, content) in cases {
        let begin = Instant::now();
        let problem = yaml::parse(&text(name, content)).expect_err(name);
        assert!(problem.hint.is_some(), "{name}: {problem}");
        assert!(problem.to_string().len() < 300, "{name}");
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{name} took {:?}",
            begin.elapsed()
        );
    }
}

#[test]
fn no_cut_of_a_good_file_makes_the_reader_fail_otherwise_than_with_a_problem() {
    let good = source("variable-users.yml").unwrap().text.clone() + "    ü: \"ö\\u00e4\" # é\n";
    for end in (0..good.len()).filter(|end| good.is_char_boundary(*end)) {
        let _ = load(text("cut.yml", good[..end].to_owned()));
        let mut changed = good.clone();
        changed.replace_range(end..end, "{");
        if let Err(problems) = load(text("changed.yml", changed)) {
            for problem in &problems.0 {
                tell(problem);
            }
        }
    }
}
