//! What a plain scalar of YAML 1.1 is, as PyYAML reads it and so Ansible: `yes` is a boolean, `0644` is 420, `1:30` is 90.
//!
//! The rules are those of PyYAML's `resolver.py` and `constructor.py` (6.0).

use super::Value;

/// The value of a plain scalar. What PyYAML takes for a date stays text, since Ansible shows it as text.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    integer(text)
        .map(Value::Int)
        .or_else(|| float(text).map(Value::Float))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The sign, and what follows it.
fn signed(text: &str) -> (i64, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn integer(text: &str) -> Option<i64> {
    let (sign, body) = signed(text);
    let is_digit = |c: char| c.is_ascii_digit() || c == '_';
    let radix = |digits: &str, radix: u32| {
        let digits = digits.replace('_', "");
        let is_plain = !digits.starts_with(['+', '-']);
        i64::from_str_radix(&digits, radix)
            .ok()
            .filter(|_| is_plain)
    };
    let number = if let Some(digits) = body.strip_prefix("0b") {
        radix(digits, 2)
    } else if let Some(digits) = body.strip_prefix("0x") {
        radix(digits, 16)
    } else if body == "0" {
        Some(0)
    } else if let Some(digits) = body.strip_prefix('0') {
        radix(digits, 8)
    } else if body.contains(':') {
        sexagesimal(body)
    } else if body.starts_with(|c: char| c.is_ascii_digit()) && body.chars().all(is_digit) {
        radix(body, 10)
    } else {
        None
    };
    number?.checked_mul(sign)
}

/// `1:30`, in which each part after the first is a digit to base 60.
fn sexagesimal(body: &str) -> Option<i64> {
    let mut parts = body.split(':');
    let first = parts.next()?;
    let is_first = first.starts_with(|c: char| c.is_ascii_digit() && c != '0')
        && first.chars().all(|c| c.is_ascii_digit() || c == '_');
    let first: i64 = first.replace('_', "").parse().ok().filter(|_| is_first)?;
    parts.try_fold(first, |number, part| {
        number.checked_mul(60)?.checked_add(below_sixty(part)?)
    })
}

fn below_sixty(part: &str) -> Option<i64> {
    let is_digits = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    part.parse().ok().filter(|number| is_digits && *number < 60)
}

/// A number with a point: without one, or with an exponent that has no sign, PyYAML sees text.
fn float(text: &str) -> Option<f64> {
    let (sign, body) = signed(text);
    let (whole, rest) = body.split_once('.')?;
    let plain = |digits: &str| digits.chars().all(|c| c.is_ascii_digit() || c == '_');
    let has_digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    if let Some((minutes, seconds)) = whole.rsplit_once(':') {
        let is_zero = minutes.bytes().all(|byte| byte == b'0') && !minutes.is_empty();
        let minutes = if is_zero { Some(0) } else { integer(minutes) };
        let seconds: f64 = format!("{}.{}", below_sixty(seconds)?, rest.replace('_', ""))
            .parse()
            .ok()?;
        let minutes = i32::try_from(minutes?.checked_mul(60)?).ok()?;
        return plain(rest)
            .then(|| f64::from(i8::try_from(sign).unwrap_or(1)) * (f64::from(minutes) + seconds));
    }
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let is_signed = body.len() < text.len();
    let is_number = plain(whole)
        && plain(fraction)
        && (has_digit(whole) || (whole.is_empty() && has_digit(fraction) && !is_signed));
    let is_exponent = exponent.is_none_or(|text| {
        let digits = text.strip_prefix(['+', '-']);
        digits.is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    });
    if !is_number || !is_exponent {
        return None;
    }
    text.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PyYAML 6.0 gives for each of these.
    #[test]
    fn plain_scalars_are_read_as_pyyaml_reads_them() {
        let text = |text: &str| Value::String(text.to_owned());
        for (written, value) in [
            ("yes", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("y", text("y")),
            ("N", text("N")),
            ("yEs", text("yEs")),
            ("~", Value::Null),
            ("NULL", Value::Null),
            ("None", text("None")),
            ("0644", Value::Int(420)),
            ("0o644", text("0o644")),
            ("08", text("08")),
            ("-0x1F", Value::Int(-31)),
            ("0b101", Value::Int(5)),
            ("1_000", Value::Int(1000)),
            ("+12", Value::Int(12)),
            ("1:30", Value::Int(90)),
            ("190:20:30", Value::Int(685_230)),
            ("1:60", text("1:60")),
            ("0:30", text("0:30")),
            ("22:22:22:22", Value::Int(4_832_542)),
            ("1.5", Value::Float(1.5)),
            ("1.", Value::Float(1.0)),
            (".5", Value::Float(0.5)),
            ("1.5e3", text("1.5e3")),
            ("1.5e+3", Value::Float(1500.0)),
            ("1e3", text("1e3")),
            ("1e+3", text("1e+3")),
            ("1_000.5", Value::Float(1000.5)),
            ("10.0.0.1", text("10.0.0.1")),
            ("16.4", Value::Float(16.4)),
            (".", text(".")),
            ("-", text("-")),
            (".inf", text(".inf")),
            ("2024-01-01", text("2024-01-01")),
            ("1:30.5", Value::Float(90.5)),
            ("0:30.5", Value::Float(30.5)),
            ("-1:30", Value::Int(-90)),
            ("08.5", Value::Float(8.5)),
            ("+.5", text("+.5")),
            ("._5", text("._5")),
            ("_1", text("_1")),
            ("0_7", Value::Int(7)),
            ("0b", text("0b")),
            ("0b12", text("0b12")),
            ("00", Value::Int(0)),
            ("-0", Value::Int(0)),
            ("99999999999999999999", text("99999999999999999999")),
        ] {
            assert_eq!(resolve(written), value, "{written}");
        }
    }
}
