//! A shell that is played by a closure, for tests of what stands above. It speaks the real protocol, in bytes.

use std::sync::Mutex;

use super::decoder::Decoder;
use super::protocol::marker;
use super::{Frame, Script, Stream};

/// What a scripted shell answers, in order, one per step. A step without a reply prints nothing and succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The step printed this and ended.
    Step { out: String, err: String, code: i32 },
    /// The step printed this, and then the link dropped.
    Drop { out: String, err: String },
    /// The step began, and nothing more is ever heard.
    Hang,
    /// A host that lies: this marker on both streams, before the step's own begins. The reply after it is the step's.
    Marker(String),
}

impl Reply {
    /// A step that printed `out` and succeeded.
    pub fn ok(out: impl Into<String>) -> Self {
        let (out, err, code) = (out.into(), String::new(), 0);
        Self::Step { out, err, code }
    }

    /// A step that printed `err` and failed.
    pub fn failed(code: i32, err: impl Into<String>) -> Self {
        let (out, err) = (String::new(), err.into());
        Self::Step { out, err, code }
    }
}

/// The closure. The lock is there only to share a `&Shell` between threads.
pub(super) type Player = Mutex<Box<dyn FnMut(&Script) -> Vec<Reply> + Send>>;

/// How a played exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Played {
    Whole,
    Dropped,
    /// It never ends.
    Hangs,
}

/// Plays one exchange.
pub(super) fn play(
    player: &mut Player,
    script: &Script,
    sequence: u64,
    tag: &str,
    decoder: &mut Decoder,
    on_frame: &mut (dyn FnMut(Frame) + Send),
) -> Played {
    let player = player
        .get_mut()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut replies = player(script).into_iter();
    let mut say = |out: &[u8], err: &[u8]| {
        decoder.feed(Stream::Out, out, on_frame);
        decoder.feed(Stream::Err, err, on_frame);
    };
    for step in &script.steps {
        let mut reply = replies.next();
        while let Some(Reply::Marker(text)) = reply {
            let lie = marker(tag, &text);
            say(&lie, &lie);
            reply = replies.next();
        }
        let begin = marker(tag, &format!("begin {}", step.id));
        say(&begin, &begin);
        match reply.unwrap_or_else(|| Reply::ok("")) {
            Reply::Marker(_) => {}
            Reply::Drop { out, err } => {
                say(out.as_bytes(), err.as_bytes());
                return Played::Dropped;
            }
            Reply::Hang => return Played::Hangs,
            Reply::Step { out, err, code } => {
                say(out.as_bytes(), err.as_bytes());
                let end = marker(tag, &format!("end {} {code}", step.id));
                say(&end, &end);
                if code != 0 && script.stop_at_failure {
                    break;
                }
            }
        }
    }
    let end = marker(tag, &format!("final {sequence} 0"));
    say(&end, &end);
    Played::Whole
}
