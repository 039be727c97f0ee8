//! Ansible's filters beside Jinja's own: for scalars and whole values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};
use sha2::{Digest as _, Sha256, Sha512};

use super::python;
use crate::problem::Problem;

pub fn install(environment: &mut Environment<'static>) {
    environment.add_filter("bool", boolean);
    environment.add_filter("int", integer);
    environment.add_filter("float", |value: Value, default: Option<f64>| {
        number(&value).unwrap_or(default.unwrap_or(0.0))
    });
    environment.add_filter("string", |value: Value| python::text(&value));
    environment.add_filter("ternary", ternary);
    environment.add_filter("mandatory", mandatory);
    environment.add_filter("to_json", |value: Value, _options: Kwargs| json(&value));
    environment.add_filter("to_nice_json", |value: Value, _options: Kwargs| {
        serde_json::to_string_pretty(&plain(&value)?).map_err(invalid)
    });
    environment.add_filter("from_json", |text: String| {
        serde_json::from_str::<serde_json::Value>(&text)
            .map(|value| crate::template::value(&value))
            .map_err(invalid)
    });
    environment.add_filter("b64encode", |text: String| STANDARD.encode(text));
    environment.add_filter("b64decode", |text: String| {
        let bytes = STANDARD.decode(text.trim()).map_err(invalid)?;
        String::from_utf8(bytes).map_err(invalid)
    });
    environment.add_filter("hash", hash);
    environment.add_filter("quote", |text: String| crate::shell::quote(&text));
    environment.add_filter("basename", |path: String| {
        path.rsplit('/').next().unwrap_or_default().to_owned()
    });
    environment.add_filter("dirname", |path: String| {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        folder.to_owned()
    });
    environment.add_filter("capitalize", |text: String| {
        let mut characters = text.chars();
        let first = characters.next().map(char::to_uppercase);
        let rest = characters.as_str().to_lowercase();
        first
            .map(|first| first.collect::<String>() + &rest)
            .unwrap_or_default()
    });
    environment.add_filter("type_debug", |value: Value| match value.kind() {
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Map => "dict",
        ValueKind::None => "NoneType",
        _ => "list",
    });
}

/// What to say of a filter that there is none of.
pub fn unknown(error: &Error) -> Problem {
    let detail = error.detail().unwrap_or_default();
    let name = detail
        .split_whitespace()
        .find(|word| !matches!(*word, "filter" | "is" | "unknown"));
    let name = name.unwrap_or_default().trim_matches(['`', '\'', '"']);
    let last = name.rsplit('.').next().unwrap_or(name);
    let hint = if last.contains("ip")
        && (last.starts_with("ip") || last.ends_with("addr") || last.contains("network"))
    {
        "pgha has no filter that computes with addresses: write them out"
    } else if last.contains("password_hash") {
        "give the password itself: pgha makes its verifier"
    } else if last.contains("vault") {
        "write the value as `!vault`"
    } else if matches!(last, "random" | "shuffle") {
        "a plan must be the same each time: write the value out"
    } else {
        "write the value out; docs/inventory.md lists the filters that there are"
    };
    // The cause is told already.
    Problem::input(format!("there is no filter `{name}`"))
        .because(detail)
        .hint(hint)
}

fn invalid(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOperation, error.to_string())
}

fn boolean(value: Value) -> bool {
    match value.as_str() {
        Some(text) => matches!(
            text.to_lowercase().as_str(),
            "yes" | "on" | "1" | "true" | "t" | "y"
        ),
        None => value.kind() == ValueKind::Bool && value.is_true() || value == Value::from(1),
    }
}

/// As Jinja does: what is no number is the default.
fn integer(value: Value, default: Option<i64>, base: Option<u32>) -> Value {
    let text = value.as_str().map(str::trim);
    let of_base = |text: &str, base: u32| {
        let (sign, digits) = text
            .strip_prefix('-')
            .map_or((1, text), |digits| (-1, digits));
        let lower = digits.to_lowercase();
        let (digits, base) = match (lower.get(..2), base) {
            (Some("0x"), 0 | 16) => (&lower[2..], 16),
            (Some("0o"), 0 | 8) => (&lower[2..], 8),
            (Some("0b"), 0 | 2) => (&lower[2..], 2),
            (_, 0) => (lower.as_str(), 10),
            (_, base) => (lower.as_str(), base),
        };
        let digits = digits.replace('_', "");
        (2..=36)
            .contains(&base)
            .then(|| i64::from_str_radix(&digits, base).ok())?
            .map(|number| sign * number)
    };
    let exact = match text {
        Some(text) => of_base(text, base.unwrap_or(10)),
        None if value.kind() == ValueKind::Bool => Some(i64::from(value.is_true())),
        None => value.as_i64(),
    };
    // Truncated, as Python does.
    let rounded = || {
        number(&value)
            .filter(|number| number.is_finite())
            .map(|number| number.trunc() as i64)
    };
    Value::from(exact.or_else(rounded).or(default).unwrap_or(0))
}

fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    }
}

fn ternary(value: Value, yes: Value, no: Value, none: Option<Value>) -> Value {
    match none {
        Some(none) if value.is_none() => none,
        _ if value.is_true() => yes,
        _ => no,
    }
}

fn mandatory(value: Value, message: Option<String>) -> Result<Value, Error> {
    match value.is_undefined() {
        true => Err(invalid(
            message
                .as_deref()
                .unwrap_or("a mandatory variable is not defined"),
        )),
        false => Ok(value),
    }
}

/// Everything in it, so that what is undefined or invalid inside is an error.
fn plain(value: &Value) -> Result<serde_json::Value, Error> {
    Ok(match value.kind() {
        ValueKind::Map => {
            let mut map = serde_json::Map::new();
            for key in value.try_iter()? {
                map.insert(python::text(&key)?, plain(&value.get_item(&key)?)?);
            }
            map.into()
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.map(|item| plain(&item));
            items.collect::<Result<Vec<_>, _>>()?.into()
        }
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::Invalid => value.try_iter().map(|_| serde_json::Value::Null)?,
        _ => serde_json::to_value(value).map_err(invalid)?,
    })
}

/// As Python writes it, with blanks behind `,` and `:`, and nothing but ASCII.
fn json(value: &Value) -> Result<String, Error> {
    let mut out = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut out, Spaced);
    serde::Serialize::serialize(&plain(value)?, &mut writer).map_err(invalid)?;
    let text = String::from_utf8(out).map_err(invalid)?;
    let mut ascii = String::new();
    for c in text.chars() {
        match c.is_ascii() {
            true => ascii.push(c),
            false => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    Ok(ascii)
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

fn hash(text: String, kind: Option<String>) -> Result<String, Error> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match kind.as_deref() {
        Some("sha256") => Ok(hex(&Sha256::digest(text))),
        Some("sha512") => Ok(hex(&Sha512::digest(text))),
        other => Err(invalid(format!(
            "there is no hash `{}`: sha256 and sha512 are there",
            other.unwrap_or("sha1")
        ))),
    }
}
