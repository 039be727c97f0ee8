//! Script → shell text. Pure; [`decoder`](super::decoder) is the way back.
//!
//! A script travels as one compound command, so a half-received one never starts. Every marker goes to both streams, which
//! is how each line finds its step; a marker begins with a newline of its own, so that output without a final newline
//! cannot hide it, and the parser takes that newline away again.

use std::fmt::Write as _;

/// A fragment of POSIX shell. It runs in a subshell with `/dev/null` as its stdin, unless it brings a heredoc of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Unique within the script.
    pub id: u32,
    /// A syntax error in it fails this step alone, with the shell's own message.
    pub body: String,
}

/// What one exchange sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    pub steps: Vec<Step>,
    /// Functions and variables for all steps, set once, in the subshell that encloses them.
    pub prelude: String,
    /// After the first step that fails, the others do not run (and have no frames).
    pub stop_at_failure: bool,
}

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    Out,
    Err,
}

/// What one exchange answers, as it comes. The frames of a step lie between its `Begin` and its `End`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Begin {
        id: u32,
    },
    /// A line without its newline; bytes that are not UTF-8, and what would name a secret, are replaced. On stdout nothing else is changed; on stderr a
    /// `\r` ends a line too, so that a progress meter streams.
    Line {
        id: u32,
        stream: Stream,
        text: String,
    },
    /// The exit code as the shell saw it: 127, 255 and 128 + a signal are plain codes of the step.
    End {
        id: u32,
        code: i32,
    },
}

/// `text` as one word of POSIX shell.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// What a new shell is told first: the two functions that print markers. It answers with a marker of its own.
pub fn hello(tag: &str) -> String {
    format!(
        "cd /\n\
         _pgha_mark() {{ printf '\\n\\036pgha:{tag} %s\\n' \"$1\"; printf '\\n\\036pgha:{tag} %s\\n' \"$1\" >&2; }}\n\
         _pgha_end() {{ _pgha_mark \"end $1 $2\"; return \"$2\"; }}\n\
         _pgha_mark hello\n"
    )
}

/// The text of one exchange.
pub fn encode(script: &Script, sequence: u64) -> String {
    let size: usize = script.steps.iter().map(|step| step.body.len() + 96).sum();
    let mut text = String::with_capacity(size + script.prelude.len() + 128);
    text.push_str("{ (\n");
    if !script.prelude.is_empty() {
        let _ = writeln!(text, "eval {}", quote(&format!("{}\n", script.prelude)));
    }
    let stop = if script.stop_at_failure {
        " || exit 0"
    } else {
        ""
    };
    for Step { id, body } in &script.steps {
        let body = quote(&format!("{body}\n"));
        let _ = writeln!(text, "_pgha_mark 'begin {id}'");
        let _ = writeln!(text, "( eval {body} ) </dev/null");
        let _ = writeln!(text, "_pgha_end {id} $?{stop}");
    }
    let _ = write!(text, "exit 0\n)\n_pgha_mark \"final {sequence} $?\"\n}}\n");
    text
}

/// A marker, as bytes on one stream: what the shell prints, for those who play the shell.
pub(super) fn marker(tag: &str, text: &str) -> Vec<u8> {
    format!("\n\x1epgha:{tag} {text}\n").into_bytes()
}
