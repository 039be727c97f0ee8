//! Two streams of bytes → frames. Pure.
//!
//! What a host says is input. The frames that are handed on are those of the script, its steps in order and each at most
//! once, so that whoever reads them may count on it; anything else, and more than [`MOST_BYTES`] of it, is a [`Fault`].

use std::collections::VecDeque;

use super::cutter::{Cutter, Event};
use super::{Frame, Script, Stream};

/// What one exchange may answer, both streams together.
pub const MOST_BYTES: usize = 64 << 20;
/// And in how many lines: one costs memory however short it is.
pub const MOST_LINES: usize = 2 << 20;
/// What is told of stray output: its end.
const MOST_STRAY: usize = 16 << 10;

/// An answer that cannot be one to the script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("more than 64 MiB of output, or two million lines of it")]
    TooMuch,
    #[error("it began step {0}, which is not the next one")]
    OutOfTurn(u32),
    #[error("it ended after {0} of {1} steps")]
    CutShort(usize, usize),
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
    /// The ids of the script's steps, in order.
    steps: Vec<u32>,
    /// How many of them have begun.
    begun: usize,
    /// Whether the one that ended last was the last one to run: it failed, and the script stops at that.
    stopped: bool,
    stop_at_failure: bool,
    current: Option<u32>,
    /// The step that ended last.
    last: Option<u32>,
    /// How much was taken in since the exchange began, in bytes and in lines.
    taken: (usize, usize),
    fault: Option<Fault>,
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
            steps: Vec::new(),
            begun: 0,
            stopped: false,
            stop_at_failure: false,
            current: None,
            last: None,
            taken: (0, 0),
            fault: None,
            stray: VecDeque::new(),
        }
    }

    /// Begins the exchange with this number, which sends this script.
    pub fn expect(&mut self, sequence: u64, script: &Script) {
        self.sequence = sequence;
        self.steps = script.steps.iter().map(|step| step.id).collect();
        self.stop_at_failure = script.stop_at_failure;
        (self.begun, self.stopped, self.taken) = (0, false, (0, 0));
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

    /// Whether the shell answered [`hello`](super::protocol::hello) on both streams.
    pub fn greeted(&self) -> bool {
        self.sides.iter().all(|side| side.hello)
    }

    /// What is wrong with the answer; nothing more of it is taken in then.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// The exit code of the enclosing subshell, once both streams have shown the exchange's final marker.
    pub fn finished(&self) -> Option<i32> {
        self.sides[1].done.and(self.sides[0].done)
    }

    /// What was printed outside every step, and what came last without a newline.
    pub fn stray(&self) -> String {
        let partial = self.sides.iter().map(|side| side.cutter.partial());
        let partial = partial.filter(|bytes| !bytes.is_empty());
        let mut lines: Vec<String> = self.stray.iter().cloned().collect();
        lines.extend(partial.map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
        let text = lines.join("\n");
        let end = text.ceil_char_boundary(text.len().saturating_sub(MOST_STRAY));
        text[end..].trim().to_owned()
    }

    /// Takes the bytes that came on one stream, and hands on every frame that they complete.
    pub fn feed(&mut self, stream: Stream, bytes: &[u8], on_frame: &mut dyn FnMut(Frame)) {
        if self.fault.is_some() {
            return;
        }
        let side = &mut self.sides[stream as usize];
        let lines = side.cutter.feed(bytes, &mut side.events);
        self.taken = (self.taken.0 + bytes.len(), self.taken.1 + lines);
        if self.taken.0 > MOST_BYTES || self.taken.1 > MOST_LINES {
            self.fault = Some(Fault::TooMuch);
        }
        while self.fault.is_none() {
            let moved = self.advance(0, on_frame) | self.advance(1, on_frame);
            if let (Some(id), Some(code), Some(_)) =
                (self.current, self.sides[0].ended, self.sides[1].ended)
            {
                self.current = None;
                self.last = Some(id);
                self.stopped = code != 0 && self.stop_at_failure;
                for side in &mut self.sides {
                    (side.inside, side.ended) = (false, None);
                }
                on_frame(Frame::End { id, code });
            } else if !moved {
                break;
            }
        }
        // A prelude that ends the script says so with its exit code.
        let ended = self.begun - usize::from(self.current.is_some());
        if self.finished() == Some(0) && ended < self.steps.len() && !self.stopped {
            self.fault
                .get_or_insert(Fault::CutShort(ended, self.steps.len()));
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
                    if self.stopped || self.steps.get(self.begun) != Some(&id) {
                        self.fault = Some(Fault::OutOfTurn(id));
                        return false;
                    }
                    self.begun += 1;
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::transport::{Script, Step, protocol};

    fn frames(script: &Script, out: &[u8], err: &[u8], size: usize) -> Vec<Frame> {
        let mut decoder = Decoder::new("t");
        decoder.expect(1, script);
        let mut frames = Vec::new();
        for (stream, bytes) in [(Stream::Err, err), (Stream::Out, out)] {
            for chunk in bytes.chunks(size) {
                decoder.feed(stream, chunk, &mut |frame| frames.push(frame));
            }
        }
        assert!(decoder.greeted());
        assert_eq!(decoder.finished(), Some(0));
        frames
    }

    fn line(id: u32, stream: Stream, text: &str) -> Frame {
        let text = text.to_owned();
        Frame::Line { id, stream, text }
    }

    /// `/bin/sh` is `dash` on Debian, `bash` on Red Hat, `busybox` elsewhere.
    #[test]
    fn every_shell_speaks_the_same_frames_however_they_are_cut() {
        let bodies = [
            "printf 'a\\n\\nb'; printf e >&2",
            "echo )'",
            "cat <<'X'\nit's\nX",
            "exit 9",
        ];
        let steps = bodies.iter().zip(1..).map(|(body, id)| Step {
            id,
            body: (*body).to_owned(),
        });
        let script = Script {
            steps: steps.collect(),
            prelude: "x=1".into(),
            stop_at_failure: false,
        };
        let text = protocol::hello("t") + &protocol::encode(&script, 1);
        let mut shells = 0;
        for path in [
            "/bin/sh",
            "/bin/bash",
            "/bin/dash",
            "/bin/busybox",
            "/bin/ksh",
        ] {
            let mut command = Command::new(path);
            command.arg0("sh").stdin(Stdio::piped());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let Ok(mut child) = command.spawn() else {
                continue;
            };
            let mut input = child.stdin.take().unwrap();
            input.write_all(text.as_bytes()).unwrap();
            drop(input);
            let output = child.wait_with_output().unwrap();
            let whole = frames(&script, &output.stdout, &output.stderr, usize::MAX);
            assert_eq!(
                whole,
                frames(&script, &output.stdout, &output.stderr, 1),
                "{path}"
            );
            let plain = |frame: &Frame| {
                !matches!(frame, Frame::Line { id: 2, .. } | Frame::End { id: 2, .. })
            };
            let plain: Vec<Frame> = whole.into_iter().filter(plain).collect();
            let expected = [
                Frame::Begin { id: 1 },
                line(1, Stream::Err, "e"),
                line(1, Stream::Out, "a"),
                line(1, Stream::Out, ""),
                line(1, Stream::Out, "b"),
                Frame::End { id: 1, code: 0 },
                Frame::Begin { id: 2 },
                Frame::Begin { id: 3 },
                line(3, Stream::Out, "it's"),
                Frame::End { id: 3, code: 0 },
                Frame::Begin { id: 4 },
                Frame::End { id: 4, code: 9 },
            ];
            assert_eq!(plain, expected, "{path}");
            shells += 1;
        }
        assert!(shells > 0);
    }

    /// A half-received script never starts.
    #[test]
    fn no_beginning_of_a_script_runs() {
        let step = Step {
            id: 1,
            body: "echo ran".into(),
        };
        let script = Script {
            steps: vec![step],
            ..Script::default()
        };
        let text = protocol::encode(&script, 1);
        for end in 0..text.len() - 2 {
            let output = Command::new("/bin/sh").args(["-c", &text[..end]]).output();
            let output = output.unwrap();
            assert!(
                !output.stdout.windows(3).any(|bytes| bytes == b"ran"),
                "{end}"
            );
        }
    }
}
