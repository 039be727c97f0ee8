//! [`Raw`] → [`Node`]: our spans, tags, and scalars that YAML would garble.

use std::sync::Arc;

use serde_saphyr::{Location, Spanned};

use super::raw::Raw;
use super::resolve::resolve;
use super::{Key, Map, Node, Value};
use crate::problem::{Problem, Source, Span};
use crate::secret::is_forbidden;

/// How plain scalars are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalars {
    /// Only `true` and `false` are booleans, and what only looks like a number is text.
    Strict,
    /// As Ansible: [`resolve`].
    Pyyaml,
}

/// Turns the root into a node; `offset` is where the parsed text begins in the source.
pub(super) fn lower(
    source: &Arc<Source>,
    offset: usize,
    scalars: Scalars,
    root: Spanned<Raw>,
) -> Result<Node, Problem> {
    Lowering {
        source,
        offset,
        scalars,
    }
    .node(root, offset)
    .map(|(node, _)| node)
}

struct Lowering<'a> {
    source: &'a Arc<Source>,
    offset: usize,
    scalars: Scalars,
}

impl Lowering<'_> {
    /// The node and the byte behind it; `from` is the byte behind whatever stands before it.
    fn node(&self, raw: Spanned<Raw>, from: usize) -> Result<(Node, usize), Problem> {
        let span = self.span(raw.defined);
        let is_alias = raw.referenced != raw.defined;
        let behind = |span: &Span| span.start + span.len;
        let mut end = behind(&self.span(raw.referenced));
        let tag = if is_alias {
            None
        } else {
            self.tag(from, span.start)?
        };
        let value = match raw.value {
            Raw::Sequence(items) => {
                let mut nodes = Vec::new();
                for item in items {
                    let (node, item_end) = self.node(item, end)?;
                    end = end.max(if is_alias { 0 } else { item_end });
                    nodes.push(node);
                }
                Value::Sequence(nodes)
            }
            Raw::Map(entries) => {
                let mut map = Map::default();
                for (key, value) in entries {
                    let is_merged = key.referenced != key.defined;
                    let span = self.span(key.defined);
                    self.check(&key.value, &span)?;
                    let (node, value_end) = self.node(value, behind(&span))?;
                    end = end.max(if is_merged { 0 } else { value_end });
                    map.0.push((
                        Key {
                            name: key.value,
                            span,
                        },
                        node,
                    ));
                }
                Value::Map(map)
            }
            scalar => self.scalar(scalar, &span, tag)?,
        };
        Ok((Node { value, span }, end))
    }

    fn scalar(&self, raw: Raw, span: &Span, tag: Option<Tag>) -> Result<Value, Problem> {
        let written = || {
            self.source.text[span.start..span.start + span.len]
                .trim()
                .to_owned()
        };
        if tag == Some(Tag::Vault) {
            return match raw {
                Raw::String(text) => Ok(Value::Vault(text)),
                _ => Err(Problem::input("what `!vault` tags is no text")
                    .at(span)
                    .hint("write it as `ansible-vault encrypt_string` does: `!vault |`, and the lines below it")),
            };
        }
        let number = |value: Value| {
            if tag == Some(Tag::Unsafe) {
                Value::Literal(written())
            } else if tag.is_some() || is_text(&written()) {
                Value::String(written())
            } else {
                value
            }
        };
        if self.scalars == Scalars::Pyyaml && tag.is_none() {
            let text = written();
            let is_plain = match &raw {
                Raw::String(value) => *value == text && !self.is_block(span.start),
                _ => true,
            };
            if is_plain {
                return Ok(resolve(&text));
            }
        }
        Ok(match raw {
            Raw::Bool(_) | Raw::Null if tag == Some(Tag::Unsafe) => Value::Literal(written()),
            Raw::Bool(_) | Raw::Null if tag.is_some() => Value::String(written()),
            Raw::Bool(value) => Value::Bool(value),
            Raw::Int(value) => number(Value::Int(value)),
            Raw::Float(value) => number(Value::Float(value)),
            Raw::Huge => Value::String(written()),
            Raw::String(text) => {
                self.check(&text, span)?;
                match tag {
                    Some(Tag::Unsafe) => Value::Literal(text),
                    _ => Value::String(text),
                }
            }
            _ => Value::Null,
        })
    }

    /// Whether the text that begins here is a block, i.e. the line above ends with `|` or `>`.
    fn is_block(&self, start: usize) -> bool {
        let before = self.source.text[..start].trim_end_matches([' ', '\t']);
        let Some(above) = before.strip_suffix('\n') else {
            return false;
        };
        let line = above.trim_end().rsplit('\n').next().unwrap_or_default();
        let code = line.split(" #").next().unwrap_or_default().trim_end();
        code.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'))
            .ends_with(['|', '>'])
    }

    /// Escapes in double quotes can make what the text itself may not hold.
    fn check(&self, text: &str, span: &Span) -> Result<(), Problem> {
        match text.chars().find(|&c| c == '\0' || is_forbidden(c)) {
            None => Ok(()),
            Some(c) => Err(Problem::input(format!(
                "an escape makes the character U+{:04X}, which may not stand in a declaration",
                u32::from(c)
            ))
            .at(span)
            .hint("remove the escape, or write the text in single quotes")),
        }
    }

    /// The tag of ours or Ansible's between two places.
    fn tag(&self, from: usize, to: usize) -> Result<Option<Tag>, Problem> {
        let Some(gap) = self.source.text.get(from..to) else {
            return Ok(None);
        };
        let mut at = from;
        for line in gap.split_inclusive('\n') {
            let code = match line.find('#') {
                Some(0) => &line[..0],
                Some(hash) if line[..hash].ends_with([' ', '\t']) => &line[..hash],
                _ => line,
            };
            for word in code.split([' ', '\t', '\n', '\r', '[', '{', ',']) {
                let start = at + (word.as_ptr() as usize - line.as_ptr() as usize);
                if word == "!!str" {
                    return Ok(Some(Tag::Text));
                }
                if word.starts_with('!') && !word.starts_with("!!") && !word.starts_with("!<") {
                    return self
                        .known_tag(
                            word,
                            &Span {
                                source: self.source.clone(),
                                start,
                                len: word.len(),
                            },
                        )
                        .map(Some);
                }
            }
            at += line.len();
        }
        Ok(None)
    }

    fn known_tag(&self, word: &str, span: &Span) -> Result<Tag, Problem> {
        match word {
            "!" => Ok(Tag::Text),
            "!unsafe" => Ok(Tag::Unsafe),
            "!vault" | "!vault-encrypted" => Ok(Tag::Vault),
            _ => Err(Problem::input(format!("the tag `{word}` is not supported"))
                .at(span)
                .hint(
                    "remove the tag, or put the value in quotes if the `!` is the beginning of a text",
                )),
        }
    }

    fn span(&self, location: Location) -> Span {
        let span = location.span();
        let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok());
        let text = &self.source.text;
        let start = (self.offset + number(span.byte_offset()).unwrap_or(0)).min(text.len());
        let len = number(span.byte_len()).unwrap_or(0).min(text.len() - start);
        Span {
            source: self.source.clone(),
            start,
            len,
        }
    }
}

/// A tag that changes how a value is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    /// The value is text, whatever it looks like.
    Unsafe,
    /// The same, as YAML itself says it.
    Text,
    /// The value is encrypted.
    Vault,
}

/// Whether what YAML takes for a number is rather text: `0644`, `1_000`, more digits than a number has.
fn is_text(written: &str) -> bool {
    let digits = written.trim_start_matches(['+', '-']);
    let leading_zero =
        digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit());
    let is_integer = digits.bytes().all(|byte| byte.is_ascii_digit());
    leading_zero || digits.contains('_') || (is_integer && written.parse::<i64>().is_err())
}
