//! POSIX shell text that means exactly one thing.

/// What every script for a host begins with: a plain environment, and `as USER COMMAND…`, which runs a command as a user.
///
/// `runuser` itself sets `HOME`, `USER` and `LOGNAME` (util-linux 2.36, 2.38 and 2.41, those of the supported releases).
pub const PRELUDE: &str = include_str!("shell/prelude.sh");

/// [`PRELUDE`], and `own_psql`, by which scripts ask PostgreSQL: what every script of a run or a probe begins with.
pub fn prelude() -> String {
    format!("{PRELUDE}{}", crate::postgres::session::shell())
}

/// What scripts that look have after it: whether the user may do what scripts do, and the host's release. A script that
/// changes follows one that looked, in the same shell.
pub const LOOK: &str = include_str!("shell/look.sh");

/// What [`LOOK`] says of a user who may not do what scripts do.
pub const NOT_ROOT: &str = "not root";

/// `word` as one word of `/bin/sh`, whatever is in it (no NUL can be: input is refused with one).
pub fn quote(word: &str) -> String {
    let plain = !word.is_empty()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&b));
    if plain {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A script that takes words, with these for it. Where it stands it has a subshell of its own, so that they are lost with it.
pub fn with<S: AsRef<str>>(words: impl IntoIterator<Item = S>, script: &str) -> String {
    format!("set -- {}\n{script}", join(words))
}

/// The words, each quoted, with blanks between.
pub fn join<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    words
        .into_iter()
        .map(|word| quote(word.as_ref()))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_interpreted() {
        assert_eq!(join(["a b", "$x", "it's", ""]), r"'a b' '$x' 'it'\''s' ''");
        assert_eq!(quote("/etc/pg_hba.conf"), "/etc/pg_hba.conf");
    }
}
