//! Backslashes in the strings of expressions mean themselves, as in Ansible's variables: `regex_replace('^(\d+)', '\1')`. And
//! filters may have their long names.

/// The same template with those backslashes doubled, since the engine takes them for escapes.
pub fn doubled(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    // `{% raw %}` and comments are copied as they are.
    while let Some(open) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let (before, behind) = rest.split_at(open);
        if let Some(comment) = before.find("{#") {
            let end = rest[comment..]
                .find("#}")
                .map_or(rest.len(), |end| comment + end + 2);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        out.push_str(before);
        let is_raw = behind.starts_with("{%")
            && behind[2..]
                .trim_start_matches(['-', '+', ' '])
                .starts_with("raw");
        let end = if is_raw {
            behind
                .find("endraw")
                .map_or(behind.len(), |end| end + "endraw".len())
        } else {
            expression(behind)
        };
        let (inside, after) = behind.split_at(end);
        match is_raw {
            true => out.push_str(inside),
            false => out.push_str(&copied(inside)),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// How long the tag at the beginning of `text` is: delimiters in its strings do not end it.
fn expression(text: &str) -> usize {
    let close = if text.starts_with("{{") { "}}" } else { "%}" };
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if text[at..].starts_with(close) => return at + 2,
            None => {}
        }
    }
    text.len()
}

/// A tag, with names as the engine has them: `ansible.builtin.bool` is `bool`.
fn copied(tag: &str) -> String {
    let mut out = String::with_capacity(tag.len());
    let mut quote = None;
    let mut characters = tag.chars();
    while let Some(c) = characters.next() {
        out.push(c);
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (Some(_), '\\') => {
                out.push('\\');
                match characters.next() {
                    Some(next @ ('"' | '\'' | '\\')) => out.extend(['\\', next]),
                    Some(next) => out.push(next),
                    None => {}
                }
            }
            _ => {}
        }
    }
    out.replace("ansible.builtin.", "")
}

#[cfg(test)]
mod tests {
    use super::doubled;

    #[test]
    fn only_strings_of_expressions_change() {
        assert_eq!(doubled(r"a\b {{ '\d' }} c\d"), r"a\b {{ '\\d' }} c\d");
        assert_eq!(doubled(r#"{{ "x\"}}" }}"#), r#"{{ "x\\\"}}" }}"#);
        assert_eq!(
            doubled(r"{% raw %}{{ '\d' }}{% endraw %}{{ '\1' }}"),
            r"{% raw %}{{ '\d' }}{% endraw %}{{ '\\1' }}"
        );
        assert_eq!(doubled(r"{# '\d' {{ #}{{ 1 }}"), r"{# '\d' {{ #}{{ 1 }}");
    }
}
