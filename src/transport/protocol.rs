//! Script → shell text, bytes → frames. Pure.
//!
//! A script travels as one compound command, so a half-received one never starts. Every marker goes to both streams, which
//! is how each line finds its step; a marker begins with a newline of its own, so that output without a final newline
//! cannot hide it, and the parser takes that newline away again.

use std::collections::VecDeque;
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
    /// A line without its newline; bytes that are not UTF-8 are replaced. On stdout nothing else is changed; on stderr a
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

#[derive(Debug)]
enum Event {
    Hello,
    Begin(u32),
    Line(String),
    End(u32, i32),
    Final(u64, i32),
}

/// Cuts one stream into lines and markers.
#[derive(Debug)]
struct Cutter {
    prefix: Vec<u8>,
    /// Whether a `\r` ends a line.
    carriage: bool,
    partial: Vec<u8>,
    /// An empty line that may turn out to be a marker's own newline.
    empty: bool,
    /// A `\r` ended the last line: a `\n` right after it belongs to it.
    after_carriage: bool,
}

impl Cutter {
    fn new(tag: &str, carriage: bool) -> Self {
        Self {
            prefix: format!("\x1epgha:{tag} ").into_bytes(),
            carriage,
            partial: Vec::new(),
            empty: false,
            after_carriage: false,
        }
    }

    fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<Event>) {
        let ends = |byte: &u8| *byte == b'\n' || (self.carriage && *byte == b'\r');
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(ends) {
            let by_carriage = rest[at] == b'\r';
            self.partial.extend_from_slice(&rest[..at]);
            rest = &rest[at + 1..];
            let line = std::mem::take(&mut self.partial);
            if line.is_empty() && self.after_carriage && !by_carriage {
                // `\r\n`, or a marker right after a `\r`: either way there is no line here.
                self.after_carriage = false;
                continue;
            }
            self.after_carriage = by_carriage;
            if let Some(marker) = line.strip_prefix(&*self.prefix).and_then(parse) {
                self.empty = false;
                events.push_back(marker);
                continue;
            }
            if std::mem::replace(&mut self.empty, line.is_empty()) {
                events.push_back(Event::Line(String::new()));
            }
            if !line.is_empty() {
                events.push_back(Event::Line(String::from_utf8_lossy(&line).into_owned()));
            }
        }
        self.partial.extend_from_slice(rest);
    }
}

fn parse(marker: &[u8]) -> Option<Event> {
    let text = std::str::from_utf8(marker).ok()?;
    let words: Vec<&str> = text.split(' ').collect();
    Some(match words[..] {
        ["hello"] => Event::Hello,
        ["begin", id] => Event::Begin(id.parse().ok()?),
        ["end", id, code] => Event::End(id.parse().ok()?, code.parse().ok()?),
        ["final", sequence, code] => Event::Final(sequence.parse().ok()?, code.parse().ok()?),
        _ => return None,
    })
}

/// One stream's side of [`Decoder`].
#[derive(Debug)]
struct Side {
    stream: Stream,
    cutter: Cutter,
    events: VecDeque<Event>,
    /// Between the markers of the current step.
    inside: bool,
    /// Past the current step's end marker.
    ended: Option<i32>,
    hello: bool,
    done: Option<i32>,
}

/// Joins the two streams of one shell into frames.
#[derive(Debug)]
pub struct Decoder {
    sides: [Side; 2],
    sequence: u64,
    current: Option<u32>,
    /// The step that ended last.
    last: Option<u32>,
    /// The last lines printed outside every step: what a login shell's startup files, `sudo` or the prelude said.
    stray: VecDeque<String>,
}

impl Decoder {
    pub fn new(tag: &str) -> Self {
        let side = |stream, carriage| Side {
            stream,
            cutter: Cutter::new(tag, carriage),
            events: VecDeque::new(),
            inside: false,
            ended: None,
            hello: false,
            done: None,
        };
        Self {
            sides: [side(Stream::Out, false), side(Stream::Err, true)],
            sequence: 0,
            current: None,
            last: None,
            stray: VecDeque::new(),
        }
    }

    /// Begins the exchange with this number.
    pub fn expect(&mut self, sequence: u64) {
        self.sequence = sequence;
        self.last = None;
        self.stray.clear();
        for side in &mut self.sides {
            side.done = None;
        }
    }

    /// How far the script came, in words; `None` if no step began.
    pub fn place(&self) -> Option<String> {
        let running = self
            .current
            .map(|id| format!("while step {id} was running"));
        running.or_else(|| self.last.map(|id| format!("after step {id}")))
    }

    /// Whether the shell answered [`hello`] on both streams.
    pub fn greeted(&self) -> bool {
        self.sides.iter().all(|side| side.hello)
    }

    /// The exit code of the enclosing subshell, once both streams have shown the exchange's final marker.
    pub fn finished(&self) -> Option<i32> {
        self.sides[1].done.and(self.sides[0].done)
    }

    /// What was printed outside every step, and what came last without a newline.
    pub fn stray(&self) -> String {
        let partial = self.sides.iter().map(|side| &side.cutter.partial);
        let partial = partial.filter(|bytes| !bytes.is_empty());
        let mut lines: Vec<String> = self.stray.iter().cloned().collect();
        lines.extend(partial.map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
        lines.join("\n").trim().to_owned()
    }

    /// Takes the bytes that came on one stream, and hands on every frame that they complete.
    pub fn feed(&mut self, stream: Stream, bytes: &[u8], on_frame: &mut dyn FnMut(Frame)) {
        let side = &mut self.sides[stream as usize];
        side.cutter.feed(bytes, &mut side.events);
        loop {
            let moved = self.advance(0, on_frame) | self.advance(1, on_frame);
            if let (Some(id), Some(code), Some(_)) =
                (self.current, self.sides[0].ended, self.sides[1].ended)
            {
                self.current = None;
                self.last = Some(id);
                for side in &mut self.sides {
                    (side.inside, side.ended) = (false, None);
                }
                on_frame(Frame::End { id, code });
            } else if !moved {
                return;
            }
        }
    }

    /// Handles what one side may show now: a stream that is past a step's end waits for the other.
    fn advance(&mut self, index: usize, on_frame: &mut dyn FnMut(Frame)) -> bool {
        let side = &mut self.sides[index];
        let mut moved = false;
        while side.ended.is_none()
            && let Some(event) = side.events.pop_front()
        {
            moved = true;
            match (event, self.current) {
                (Event::Begin(id), None) => {
                    (self.current, side.inside) = (Some(id), true);
                    on_frame(Frame::Begin { id });
                }
                (Event::Begin(id), Some(current)) if id == current => side.inside = true,
                (Event::Line(text), Some(id)) if side.inside => {
                    let stream = side.stream;
                    on_frame(Frame::Line { id, stream, text });
                }
                (Event::Line(text), _) => {
                    if self.stray.len() == 200 {
                        self.stray.pop_front();
                    }
                    self.stray.push_back(text);
                }
                (Event::End(id, code), Some(current)) if id == current => side.ended = Some(code),
                (Event::Hello, _) => side.hello = true,
                (Event::Final(sequence, code), _) if sequence == self.sequence => {
                    side.done = Some(code);
                }
                // A marker out of turn can only come from a shell that forked itself: not ours to follow.
                (Event::Begin(_) | Event::End(..) | Event::Final(..), _) => {}
            }
        }
        moved
    }
}
