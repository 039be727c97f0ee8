//! What a host answered, as a file that people read and compare: what a bug report wants, and what tests plan from.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::parse::{Answer, Answers};
use crate::problem::{Kind, Problem};

/// What came of asking one host.
#[derive(Clone, Debug)]
pub enum Recorded {
    Answered(Answers),
    /// It could not be asked.
    Silent(Problem),
}

/// One section, without what says nothing.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[serde(default, skip_serializing_if = "is_success")]
    code: i32,
    /// Lines on stdout: text, `{ WORD: … }` for a word with a JSON object behind it, or `{ content, lines }` of a file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    out: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    err: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Silence {
    unreachable: bool,
    what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

fn is_success(code: &i32) -> bool {
    *code == 0
}

impl Recorded {
    /// As JSON. What pgha's questions could bring of secrets is not in it: verifiers of passwords (of which they ask a hash),
    /// and passwords in connection strings.
    pub fn to_json(&self) -> Value {
        let mut value = match self {
            Self::Answered(answers) => {
                let parts = answers.iter().map(|(section, answer)| {
                    let part = Part {
                        code: answer.code,
                        out: answer.lines.iter().map(|line| line_to_json(line)).collect(),
                        err: answer.errors.clone(),
                    };
                    (section.name().to_owned(), json!(part))
                });
                Value::Object(parts.collect())
            }
            Self::Silent(problem) => json!({"silent": Silence {
                unreachable: problem.kind == Kind::Unreachable,
                what: problem.what.clone(),
                cause: problem.cause.clone(),
                hint: problem.hint.clone(),
            }}),
        };
        withhold(&mut value);
        value
    }

    /// What [`Self::to_json`] gave.
    ///
    /// # Errors
    /// It is something else.
    pub fn from_json(value: &Value) -> Result<Self, Problem> {
        let wrong = |why: &str| Problem::input("this is no recorded answer").because(why);
        let parts = value.as_object().ok_or_else(|| wrong("it is no object"))?;
        if let Some(silent) = parts.get("silent") {
            let silence =
                Silence::deserialize(silent).map_err(|error| wrong(&error.to_string()))?;
            let kind = match silence.unreachable {
                true => Kind::Unreachable,
                false => Kind::Failed,
            };
            return Ok(Self::Silent(Problem {
                cause: silence.cause,
                hint: silence.hint,
                ..Problem::new(kind, silence.what)
            }));
        }
        let mut answers = Answers::new();
        for (name, part) in parts {
            let section = super::Section::named(name)
                .ok_or_else(|| wrong(&format!("there is no section `{name}`")))?;
            let part = Part::deserialize(part).map_err(|error| wrong(&error.to_string()))?;
            let lines = part.out.iter().map(line_from_json);
            let answer = Answer {
                lines: lines.collect::<Option<_>>().ok_or_else(|| {
                    wrong(&format!("a line of `{name}` is neither text nor JSON"))
                })?,
                errors: part.err,
                code: part.code,
            };
            answers.insert(section, answer);
        }
        Ok(Self::Answered(answers))
    }
}

/// A line as it is best read.
fn line_to_json(line: &str) -> Value {
    if let Some((encoded, path)) = line
        .strip_prefix("content|")
        .and_then(|rest| rest.split_once('|'))
        && let Ok(bytes) = STANDARD.decode(encoded)
        && let Ok(text) = String::from_utf8(bytes)
    {
        let lines: Vec<&str> = text.split('\n').collect();
        return json!({"content": path, "lines": lines});
    }
    if let Some((word, rest)) = line.split_once(' ')
        && let Ok(Value::Object(object)) = serde_json::from_str(rest)
    {
        return Value::Object(Map::from_iter([(word.to_owned(), Value::Object(object))]));
    }
    Value::String(line.to_owned())
}

fn line_from_json(value: &Value) -> Option<String> {
    if let Value::String(line) = value {
        return Some(line.clone());
    }
    let object = value.as_object()?;
    if let (Some(path), Some(lines)) = (object.get("content"), object.get("lines")) {
        let lines: Vec<&str> = lines
            .as_array()?
            .iter()
            .map(Value::as_str)
            .collect::<Option<_>>()?;
        let encoded = STANDARD.encode(lines.join("\n"));
        return Some(format!("content|{encoded}|{}", path.as_str()?));
    }
    let (word, rest) = object.iter().next().filter(|_| object.len() == 1)?;
    Some(format!("{word} {rest}"))
}

/// What stands in the place of a secret.
const WITHHELD: &str = "withheld";

fn withhold(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(without) = without_password(text) {
                *text = without;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(withhold),
        Value::Object(map) => {
            for (key, value) in map {
                if key == "password_sha256" && value.is_string() {
                    *value = WITHHELD.into();
                } else {
                    withhold(value);
                }
            }
        }
        _ => {}
    }
}

/// Text without the passwords of connection strings in it, of both forms; `None`: it has none.
fn without_password(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = next_password(rest) {
        out.push_str(before);
        out.push_str(WITHHELD);
        rest = behind;
    }
    (!out.is_empty()).then(|| out + rest)
}

/// What stands before the first password, and behind it.
fn next_password(text: &str) -> Option<(&str, &str)> {
    let word = text.to_ascii_lowercase().find("password").map(|at| {
        let behind = &text[at + "password".len()..];
        let value = behind.trim_start();
        let value = value.strip_prefix('=').map(str::trim_start);
        (at, value)
    });
    let uri = text.find("://").and_then(|at| {
        let start = at + "://".len();
        let end = text[start..]
            .find(|letter: char| letter == '/' || letter.is_whitespace())
            .map_or(text.len(), |length| start + length);
        let host = start + text[start..end].rfind('@')?;
        let password = start + text[start..host].find(':')? + 1;
        Some((password, host))
    });
    match (word, uri) {
        (Some((at, _)), Some((password, host))) if password < at => {
            Some((&text[..password], &text[host..]))
        }
        (Some((_, Some(value))), _) if !value.is_empty() => {
            let start = text.len() - value.len();
            Some((&text[..start], &value[length_of_value(value)..]))
        }
        // The word alone; something may come behind it.
        (Some((at, _)), _) => {
            let next = at + "password".len();
            let (before, behind) = next_password(&text[next..])?;
            Some((&text[..next + before.len()], behind))
        }
        (None, Some((password, host))) => Some((&text[..password], &text[host..])),
        (None, None) => None,
    }
}

/// Bytes of a value in a connection string: to the next blank, or in quotes, which are doubled inside another string.
fn length_of_value(value: &str) -> usize {
    let quotes = value.len() - value.trim_start_matches('\'').len();
    let quote = &value[..quotes.min(2)];
    if quote.is_empty() || quotes > 2 {
        let is_end = |letter: char| letter.is_whitespace() || matches!(letter, '\'' | '"' | '&');
        return value.find(is_end).unwrap_or(value.len());
    }
    let mut escaped = false;
    for (at, letter) in value[quote.len()..].char_indices() {
        let inside = &value[quote.len() + at..];
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if inside.starts_with(quote) => return at + 2 * quote.len(),
            _ => {}
        }
    }
    value.len()
}

/// JSON for people: what has nothing inside is on one line.
pub fn pretty(value: &Value) -> String {
    let mut out = String::new();
    draw(value, 0, &mut out);
    out.push('\n');
    out
}

fn draw(value: &Value, depth: usize, out: &mut String) {
    let is_flat = |value: &Value| match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => true,
    };
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                line(out, depth + 1);
                draw(item, depth + 1, out);
            }
            line(out, depth);
            out.push(']');
        }
        Value::Object(map) if !(map.is_empty() || depth > 2 && map.values().all(is_flat)) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                line(out, depth + 1);
                out.push_str(&format!("{}: ", Value::String(key.clone())));
                draw(value, depth + 1, out);
            }
            line(out, depth);
            out.push('}');
        }
        flat => out.push_str(&flat.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Section;
    use super::*;

    fn recorded(lines: &[&str]) -> Recorded {
        let answer = Answer {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            errors: vec!["a warning".to_owned()],
            code: 2,
        };
        Recorded::Answered(Answers::from([(Section::Server, answer)]))
    }

    #[test]
    fn lines_come_back_as_they_were() {
        let lines = [
            "server {\"in_recovery\":true,\"started\":1.25,\"none\":null}",
            "previous node1",
            "content|YQpiCg==|/etc/a b|c",
            "content|/w==|/etc/no-text",
            "",
            "paused true",
            "half {\"in_recovery\":",
        ];
        let json = recorded(&lines).to_json();
        let back = Recorded::from_json(&serde_json::from_str(&pretty(&json)).unwrap());
        let Recorded::Answered(answers) = back.unwrap() else {
            panic!("it answered");
        };
        let answer = &answers[&Section::Server];
        assert_eq!(answer.lines, lines);
        assert_eq!(
            (answer.code, &answer.errors[..]),
            (2, &["a warning".to_owned()][..])
        );
    }

    #[test]
    fn a_silent_host_stays_silent() {
        let problem = Problem::unreachable("it does not answer")
            .because("timeout")
            .hint("wait");
        let json = Recorded::Silent(problem.clone()).to_json();
        let Ok(Recorded::Silent(back)) = Recorded::from_json(&json) else {
            panic!("it is silent: {json}");
        };
        assert_eq!(back, problem);
    }

    #[test]
    fn what_is_no_recording_is_told() {
        for wrong in [
            json!(3),
            json!({"nowhere": {}}),
            json!({"server": {"out": [3]}}),
        ] {
            assert!(Recorded::from_json(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_secret_is_recorded() {
        let cases = [
            (
                "host=a password=hunter2 user=b",
                "host=a password=withheld user=b",
            ),
            (
                "password = 'it\\'s hunter2' user=b",
                "password = withheld user=b",
            ),
            (
                "x = 'host=a password=''hunter2 '' user=b'",
                "x = 'host=a password=withheld user=b'",
            ),
            (
                "postgres://a:hunter2@b/c postgres://d:hunter2@e",
                "postgres://a:withheld@b/c postgres://d:withheld@e",
            ),
            ("password PASSWORD=hunter2", "password PASSWORD=withheld"),
            (
                "passfile=/etc/p sslpassword=hunter2",
                "passfile=/etc/p sslpassword=withheld",
            ),
            (
                "postgres://a/b?password=hunter2&x=y",
                "postgres://a/b?password=withheld&x=y",
            ),
        ];
        for (told, kept) in cases {
            assert_eq!(without_password(told).as_deref(), Some(kept));
            let json =
                recorded(&[&format!("nodes {}", json!({"a": {"conninfo": told}}))]).to_json();
            assert!(!json.to_string().contains("hunter2"), "{json}");
        }
        for harmless in [
            "password_encryption",
            "password: ",
            "host all all 10.0.0.0/8",
            "::1",
        ] {
            assert_eq!(without_password(harmless), None, "{harmless}");
        }
        let roles = "server {\"roles\":{\"app\":{\"password_sha256\":\"0badc0de\"},\"b\":{\"password_sha256\":null}}}";
        let json = recorded(&[roles]).to_json().to_string();
        assert!(
            !json.contains("0badc0de") && json.contains("null"),
            "{json}"
        );
    }
}
