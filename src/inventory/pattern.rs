//! The names of hosts that one line stands for: `pg[01:12].example.com`, `db-[a:c]:2222`.
//!
//! As `expand_hostname_range` and `parse_address` of ansible-core 2.19.

/// The hosts, and the port behind the last `:`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub names: Vec<String>,
    pub port: Option<u16>,
}

/// More is no inventory, but a mistake in a number.
const MOST: usize = 10_000;

/// Expands what stands where a host is expected.
///
/// # Errors
/// What is wrong with a range, in words.
pub(super) fn expand(text: &str) -> Result<Expanded, String> {
    let (name, port) = split_port(text);
    let mut names = vec![name.to_owned()];
    while let Some(at) = names.iter().position(|name| name.contains('[')) {
        let name = names.remove(at);
        let more = range(&name)?;
        if names.len() + more.len() > MOST {
            return Err(format!("it stands for more than {MOST} hosts"));
        }
        names.splice(at..at, more);
    }
    Ok(Expanded { names, port })
}

/// The name and the port, if what is before the port can be a name.
fn split_port(text: &str) -> (&str, Option<u16>) {
    let Some((before, digits)) = text.rsplit_once(':') else {
        return (text, None);
    };
    let Some(port) = digits.parse().ok().filter(|_| !digits.starts_with('+')) else {
        return (text, None);
    };
    let inside = before
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match inside {
        Some(address) if is_name(address) || is_address(address) => (address, Some(port)),
        _ if is_name(before) => (before, Some(port)),
        _ => (text, None),
    }
}

/// Whether it is a name outside of its ranges, which are not looked into.
fn is_name(text: &str) -> bool {
    let mut depth = 0_u32;
    !text.is_empty()
        && text.chars().all(|c| {
            match c {
                '[' => depth += 1,
                ']' => match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => return false,
                },
                _ => return depth > 0 || c.is_alphanumeric() || matches!(c, '_' | '-' | '.'),
            }
            depth < 2
        })
        && depth == 0
}

/// Whether it looks like an address of IPv6, ranges among its parts.
fn is_address(text: &str) -> bool {
    text.contains(':')
        && text
            .chars()
            .all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.' | '[' | ']'))
}

/// What the first range of a name stands for.
fn range(name: &str) -> Result<Vec<String>, String> {
    let parts = name
        .split_once('[')
        .and_then(|(head, rest)| Some((head, rest.split_once(']')?)));
    let Some((head, (bounds, tail))) = parts else {
        return Err("a `[` is not closed".to_owned());
    };
    let bounds: Vec<&str> = bounds.split(':').collect();
    let (begin, end, step) = match bounds[..] {
        [begin, end] => (begin, end, "1"),
        [begin, end, step] => (begin, end, step),
        _ => return Err("a range is `[first:last]` or `[first:last:step]`".to_owned()),
    };
    let step: usize = match step.parse() {
        Ok(step) if step > 0 => step,
        _ => {
            return Err(format!(
                "the step `{step}` of the range is no number from 1"
            ));
        }
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    let items = letters(begin, end, step).map_or_else(|| numbers(begin, end, step), Ok)?;
    if items.is_empty() {
        return Err("the last of the range comes before the first".to_owned());
    }
    Ok(items
        .iter()
        .map(|item| format!("{head}{item}{tail}"))
        .collect())
}

fn letters(begin: &str, end: &str, step: usize) -> Option<Vec<String>> {
    let all = || ('a'..='z').chain('A'..='Z');
    let index = |text: &str| all().position(|letter| text == letter.to_string());
    let (begin, end) = (index(begin)?, index(end)?);
    let chosen = all()
        .enumerate()
        .filter(|(at, _)| (begin..=end).contains(at));
    Some(
        chosen
            .map(|(_, letter)| letter.to_string())
            .step_by(step)
            .collect(),
    )
}

fn numbers(begin: &str, end: &str, step: usize) -> Result<Vec<String>, String> {
    let number = |text: &str| {
        let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<usize>().ok().filter(|_| is_digits);
        number.ok_or_else(|| format!("`{text}` bounds no range: write numbers or single letters"))
    };
    let (first, last) = (number(begin)?, number(end)?);
    let is_padded = begin.len() > 1 && begin.starts_with('0');
    if is_padded && begin.len() != end.len() {
        return Err(format!("`{begin}` and `{end}` must have the same length"));
    }
    if last.saturating_sub(first) / step >= MOST {
        return Err(format!("it stands for more than {MOST} hosts"));
    }
    let width = if is_padded { begin.len() } else { 0 };
    Ok((first..=last)
        .step_by(step)
        .map(|number| format!("{number:0width$}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> String {
        let expanded = expand(text).unwrap();
        let names = expanded.names.join(" ");
        match expanded.port {
            Some(port) => format!("{names} on {port}"),
            None => names,
        }
    }

    #[test]
    fn ranges_are_expanded_as_ansible_does() {
        assert_eq!(names("n"), "n");
        assert_eq!(
            names("pg[01:03].example.com"),
            "pg01.example.com pg02.example.com pg03.example.com"
        );
        assert_eq!(names("pg[8:11]"), "pg8 pg9 pg10 pg11");
        assert_eq!(names("pg[1:10:4]"), "pg1 pg5 pg9");
        assert_eq!(names("pg[:2]"), "pg0 pg1 pg2");
        assert_eq!(names("[a:c]db[1:2]"), "adb1 adb2 bdb1 bdb2 cdb1 cdb2");
        assert_eq!(names("x[a:e:2]:22"), "xa xc xe on 22");
        assert_eq!(names("10.0.0.[1:2]"), "10.0.0.1 10.0.0.2");
        assert_eq!(names("db:5522"), "db on 5522");
        assert_eq!(names("[2001:db8::1]:22"), "2001:db8::1 on 22");
        assert_eq!(names("2001:db8::22"), "2001:db8::22");
    }

    #[test]
    fn what_is_no_range_is_told() {
        for text in [
            "pg[1:",
            "pg[1]",
            "pg[1:2:3:4]",
            "pg[5:1]",
            "pg[01:100]",
            "pg[1:x]",
            "pg[c:a]",
            "pg[1:9:0]",
            "pg[1:]",
            "pg[1:99999999]",
            "pg[1:500][1:500]",
        ] {
            assert!(expand(text).is_err(), "{text}");
        }
    }
}
