//! Ansible's filters and tests with regular expressions.

use minijinja::value::{Kwargs, Rest, Value};
use minijinja::{Environment, Error, ErrorKind};
use regex::{Regex, RegexBuilder};

use super::python;

pub fn install(environment: &mut Environment<'static>) {
    environment.add_filter("regex_replace", replace);
    environment.add_filter("regex_search", search);
    environment.add_filter("regex_findall", find_all);
    environment.add_filter("regex_escape", |text: String| regex::escape(&text));
    environment.add_test("match", |text: Value, pattern: String, options: Kwargs| {
        // From the beginning, and not necessarily to the end.
        test(&text, &format!("^(?:{pattern})"), &options)
    });
    environment.add_test("search", |text: Value, pattern: String, options: Kwargs| {
        test(&text, &pattern, &options)
    });
    environment.add_test("regex", |text: Value, pattern: String, options: Kwargs| {
        test(&text, &pattern, &options)
    });
}

fn compiled(pattern: &str, options: &Kwargs) -> Result<Regex, Error> {
    let flag = |name| Ok::<_, Error>(options.get::<Option<bool>>(name)?.unwrap_or(false));
    let mut builder = RegexBuilder::new(pattern);
    builder
        .case_insensitive(flag("ignorecase")?)
        .multi_line(flag("multiline")?);
    builder.build().map_err(|error| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("this regular expression cannot be used (no look-around, no back-references): {error}"),
        )
    })
}

fn test(text: &Value, pattern: &str, options: &Kwargs) -> Result<bool, Error> {
    Ok(compiled(pattern, options)?.is_match(&python::text(text)?))
}

fn replace(
    text: Value,
    pattern: String,
    with: Option<String>,
    options: Kwargs,
) -> Result<String, Error> {
    let regex = compiled(&pattern, &options)?;
    let count = options.get::<Option<usize>>("count")?.unwrap_or(0);
    let with = replacement(&with.unwrap_or_default());
    Ok(regex
        .replacen(&python::text(&text)?, count, with)
        .into_owned())
}

/// Python's `\1` and `\g<name>` as the crate writes them.
fn replacement(python: &str) -> String {
    let mut out = String::new();
    let mut rest = python;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let digits = rest
            .chars()
            .take(2)
            .take_while(char::is_ascii_digit)
            .count();
        match c {
            '$' => out.push_str("$$"),
            '\\' if digits > 0 => {
                out.push_str(&format!("${{{}}}", &rest[..digits]));
                rest = &rest[digits..];
            }
            '\\' if rest.starts_with("g<") => {
                let (name, behind) = rest[2..].split_once('>').unwrap_or((&rest[2..], ""));
                out.push_str(&format!("${{{name}}}"));
                rest = behind;
            }
            '\\' => {
                let escaped = rest.chars().next();
                out.push(match escaped {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some(other) => other,
                    None => '\\',
                });
                rest = &rest[escaped.map_or(0, char::len_utf8)..];
            }
            c => out.push(c),
        }
    }
    out
}

/// What matches first; the groups that are named (`'\1'`, `'\g<name>'`), if any are; nothing where nothing matches.
fn search(
    text: Value,
    pattern: String,
    groups: Rest<String>,
    options: Kwargs,
) -> Result<Value, Error> {
    let text = python::text(&text)?;
    let regex = compiled(&pattern, &options)?;
    let Some(found) = regex.captures(&text) else {
        return Ok(Value::from(()));
    };
    if groups.0.is_empty() {
        return Ok(Value::from(&found[0]));
    }
    let expanded = groups.0.iter().map(|group| {
        let mut out = String::new();
        found.expand(&replacement(group), &mut out);
        out
    });
    Ok(Value::from(expanded.collect::<Vec<_>>()))
}

fn find_all(text: Value, pattern: String, options: Kwargs) -> Result<Value, Error> {
    let text = python::text(&text)?;
    let regex = compiled(&pattern, &options)?;
    let found = regex.captures_iter(&text).map(|found| {
        let groups: Vec<Value> = found
            .iter()
            .skip(1)
            .map(|group| Value::from(group.map_or("", |group| group.as_str())))
            .collect();
        match groups.len() {
            0 => Value::from(&found[0]),
            1 => groups[0].clone(),
            _ => Value::from(groups),
        }
    });
    Ok(Value::from(found.collect::<Vec<_>>()))
}
