//! POSIX shell text that means exactly one thing.

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
