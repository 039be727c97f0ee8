//! `ansible_ssh_common_args`: the options of `ssh` that pgha passes on.

use std::path::{Path, PathBuf};

use crate::problem::Problem;

/// Reads the options of a command line of `ssh`; `absolute` completes the path of a file.
pub(super) fn parse(
    text: &str,
    absolute: &dyn Fn(&str) -> Result<PathBuf, Problem>,
) -> Result<Vec<(String, String)>, Problem> {
    let mut options = Vec::new();
    let mut words = split(text)?.into_iter();
    while let Some(word) = words.next() {
        let mut operand = |attached: &str| {
            let value = if attached.is_empty() {
                words.next()
            } else {
                Some(attached.to_owned())
            };
            value.ok_or_else(|| {
                Problem::input(format!("`{word}` lacks its value")).hint("write `-o Key=Value`")
            })
        };
        if let Some(attached) = word.strip_prefix("-o") {
            let pair = operand(attached)?;
            let Some((key, value)) = pair.split_once('=').filter(|(key, _)| is_key(key)) else {
                return Err(Problem::input(format!(
                    "expected `-o Key=Value`, found `-o {}`",
                    pair.escape_debug()
                )));
            };
            options.push(option(key, value, absolute)?);
        } else if let Some(attached) = word.strip_prefix("-J") {
            options.push(("ProxyJump".to_owned(), operand(attached)?));
        } else {
            return Err(Problem::input(format!(
                "the argument `{}` of ssh is not supported",
                word.escape_debug()
            ))
            .hint("use `-o Key=Value` or `-J host`; keys, ports and users have variables of their own"));
        }
    }
    Ok(options)
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric())
}

fn option(
    key: &str,
    value: &str,
    absolute: &dyn Fn(&str) -> Result<PathBuf, Problem>,
) -> Result<(String, String), Problem> {
    let path = |value: &str| absolute(value).map(|path| path.to_string_lossy().into_owned());
    let value = match key.to_ascii_lowercase().as_str() {
        "stricthostkeychecking" if !matches!(value, "yes" | "ask") => {
            return Err(Problem::input(format!(
                "`{key}={value}` lets anyone pose as the host"
            ))
            .hint("remove it, and add the host's key to `known_hosts`, or name a file with `-o UserKnownHostsFile=path`"));
        }
        "userknownhostsfile" if matches!(value, "/dev/null" | "none") => {
            return Err(
                Problem::input(format!("`{key}={value}` lets anyone pose as the host"))
                    .hint("name a file that holds the hosts' keys"),
            );
        }
        "controlmaster" | "controlpath" | "controlpersist" => {
            return Err(Problem::input(format!(
                "`{key}` cannot be set: pgha shares connections by itself"
            ))
            .hint("remove it"));
        }
        "userknownhostsfile" => value
            .split_whitespace()
            .map(path)
            .collect::<Result<Vec<_>, _>>()?
            .join(" "),
        "identityfile" => path(value)?,
        _ => value.to_owned(),
    };
    Ok((key.to_owned(), value))
}

/// A path of the user's, taken against the inventory's folder.
pub(super) fn absolute(text: &str, folder: &Path, home: Option<&Path>) -> Result<PathBuf, Problem> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Problem::input("expected the path of a file"));
    }
    if let Some(rest) = text.strip_prefix("~/") {
        return match home {
            Some(home) => Ok(home.join(rest)),
            None => Err(
                Problem::input("`~` is not known: there is no home directory")
                    .hint("write the path in full"),
            ),
        };
    }
    if text.starts_with('~') {
        return Err(
            Problem::input(format!("`{text}` is somebody's home directory"))
                .hint("write the path in full"),
        );
    }
    Ok(folder.join(text.strip_prefix("./").unwrap_or(text)))
}

/// Splits a command line as a shell would, with quotes and backslashes but nothing else.
fn split(text: &str) -> Result<Vec<String>, Problem> {
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, ' ' | '\t' | '\n'))
    {
        return Err(Problem::input("arguments of ssh hold a control character"));
    }
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(rest.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(Problem::input(
            "a quote in the arguments of ssh is not closed",
        ));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        parse(text, &|path| absolute(path, Path::new("/inv"), None)).map_err(|found| found.what)
    }

    fn pairs(text: &str) -> String {
        let options = read(text).unwrap();
        let words: Vec<String> = options
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        words.join("|")
    }

    #[test]
    fn options_are_read_with_quotes() {
        assert_eq!(
            pairs(
                "-o ConnectTimeout=5 -oIdentitiesOnly=yes -J 'jump host' -Jb -o \"ProxyCommand=ssh -W %h:%p x\""
            ),
            "ConnectTimeout=5|IdentitiesOnly=yes|ProxyJump=jump host|ProxyJump=b|ProxyCommand=ssh -W %h:%p x"
        );
        assert_eq!(
            pairs("-o UserKnownHostsFile=known_hosts"),
            "UserKnownHostsFile=/inv/known_hosts"
        );
        assert_eq!(
            pairs("-o StrictHostKeyChecking=yes"),
            "StrictHostKeyChecking=yes"
        );
        assert_eq!(pairs(""), "");
    }

    #[test]
    fn what_weakens_or_is_unknown_is_refused() {
        for text in [
            "-o stricthostkeychecking=no",
            "-oStrictHostKeyChecking=accept-new",
            "-o UserKnownHostsFile=/dev/null",
            "-o",
            "-o Foo",
            "-v",
            "host",
            "-o 'A=b",
            "-o ControlMaster=auto",
            "-o A-b=c",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
