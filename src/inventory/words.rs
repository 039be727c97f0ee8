//! A line of an INI inventory as words, as Python's `shlex.split(line, comments=True)` splits it.

/// A word without its quotes, and where it stands in the line with them.
pub(super) struct Word {
    pub text: String,
    /// Bytes of the line.
    pub start: usize,
    pub end: usize,
}

/// Splits a line; `#` outside of quotes ends it.
///
/// # Errors
/// A quote is not closed, or nothing follows a backslash.
pub(super) fn words(line: &str) -> Result<Vec<Word>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let is_space = matches!(c, ' ' | '\t' | '\r' | '\n');
        if quote.is_none() && (is_space || c == '#') {
            words.extend(word.take());
            if c == '#' {
                break;
            }
            continue;
        }
        let word = word.get_or_insert(Word {
            text: String::new(),
            start: at,
            end,
        });
        word.end = end;
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None | Some('"'), '\\') => {
                let (at, next) = chars.next().ok_or("nothing follows a `\\`")?;
                word.end = at + next.len_utf8();
                if quote.is_some() && !matches!(next, '"' | '\\') {
                    word.text.push('\\');
                }
                word.text.push(next);
            }
            (_, c) => word.text.push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_python_splits_it() {
        let split = |line: &str| -> Vec<String> {
            let words = words(line).unwrap();
            words.into_iter().map(|word| word.text).collect()
        };
        assert_eq!(split("a  b=1\tc='x y' # z"), ["a", "b=1", "c=x y"]);
        assert_eq!(
            split(r#"a b="x \"y\" \d" c=\'"#),
            ["a", r#"b=x "y" \d"#, "c='"]
        );
        assert_eq!(split("a b=x#y c"), ["a", "b=x"]);
        assert_eq!(split("a b='' 'x'\"y\""), ["a", "b=", "xy"]);
        assert!(words("a b='x").is_err());
        assert!(words("a \\").is_err());
    }
}
