//! Commands as one could paste them into a shell.

use super::style::clean_line;
use crate::secret::Text;

/// One word for a POSIX shell; with control characters in it, in the `$'…'` form of bash and zsh.
pub(super) fn quote(word: &str) -> String {
    let word = Text::parse(word).to_string();
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_safe) {
        return word;
    }
    if !word.chars().any(char::is_control) {
        // What else may not be shown raw is spelt out; such a word cannot be pasted.
        return format!("'{}'", clean_line(&word).replace('\'', r"'\''"));
    }
    let mut out = String::from("$'");
    for c in word.chars() {
        match c {
            '\\' | '\'' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() && u32::from(c) < 0x80 => {
                out.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c => out.push_str(&clean_line(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push('\'');
    out
}

/// The words of a command, quoted.
pub(super) fn join<S: AsRef<str>>(argv: &[S]) -> String {
    argv.iter()
        .map(|word| quote(word.as_ref()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A command with its user, environment and standard input, in as many lines as the input has.
pub(super) fn command(
    argv: &[String],
    user: &str,
    environment: &[(String, String)],
    stdin: Option<&Text>,
) -> Vec<String> {
    let mut words = Vec::new();
    if user != "root" {
        words.push(format!("sudo -u {}", quote(user)));
    }
    if !environment.is_empty() {
        words.push("env".to_owned());
    }
    for (name, value) in environment {
        words.push(format!("{}={}", quote(name), quote(value)));
    }
    words.push(join(argv));
    let command = words.join(" ");
    let Some(stdin) = stdin.map(Text::to_string) else {
        return vec![command];
    };
    match stdin.strip_suffix('\n') {
        // With one argument to a line, so that it is read as easily as it is pasted.
        Some(text) if text.contains('\n') => {
            let mut lines = vec![r"printf '%s\n' \".to_owned()];
            lines.extend(text.split('\n').map(|line| format!("  {} \\", quote(line))));
            lines.push(format!("| {command}"));
            lines
        }
        Some(text) => vec![format!(r"printf '%s\n' {} | {command}", quote(text))],
        None => vec![format!("printf %s {} | {command}", quote(&stdin))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_a_shell_needs_it() {
        let argv = [
            "psql",
            "--port=5432",
            "",
            "it's",
            "$HOME",
            "~",
            "a\nb\\'\u{1b}",
            "ä",
        ];
        assert_eq!(
            join(&argv),
            r"psql --port=5432 '' 'it'\''s' '$HOME' '~' $'a\nb\\\'\x1b' 'ä'"
        );
    }

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for word in [
            "",
            "it's",
            "a b",
            "$(x) `y` \"z\"",
            "a\nb\t\\'\u{1b}\u{7f}1",
            "\\",
            "!x",
            "ä☃",
        ] {
            let script = format!("printf %s {}", quote(word));
            let out = std::process::Command::new("bash")
                .args(["-c", &script])
                .output();
            assert_eq!(out.expect("bash").stdout, word.as_bytes(), "{script}");
        }
    }
}
