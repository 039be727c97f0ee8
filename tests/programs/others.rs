//! What another member's host says over SSH, where it is asked on which timeline it is.

use crate::host::Host;

/// An answer, and what is to be made of it. This server is on timeline 2 of system 77.
pub struct Answer {
    pub name: &'static str,
    /// What `ssh` does.
    pub ssh: &'static str,
    pub seen: Seen,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// On that timeline of that system.
    At(&'static str, u32),
    /// No cluster is there.
    Empty,
    /// It could not be asked, or what it said is no answer.
    Unknown,
}

impl Seen {
    /// It is past a promotion that this server has not seen: its timeline.
    pub fn past(self) -> Option<u32> {
        match self {
            Seen::At("77", timeline) if timeline > 2 => Some(timeline),
            _ => None,
        }
    }
}

const fn answer(name: &'static str, ssh: &'static str, seen: Seen) -> Answer {
    Answer { name, ssh, seen }
}

pub const ANSWERS: [Answer; 18] = [
    answer("higher", "echo 77 3", Seen::At("77", 3)),
    answer("equal", "echo 77 2", Seen::At("77", 2)),
    answer("lower", "echo 77 1", Seen::At("77", 1)),
    answer("two digits", "echo 77 10", Seen::At("77", 10)),
    answer("another system", "echo 78 9", Seen::At("78", 9)),
    answer("a part of the system", "echo 7 9", Seen::At("7", 9)),
    answer("silent", "exit 255", Seen::Unknown),
    answer("out of time", "exit 124", Seen::Unknown),
    answer("ended by a signal", "kill -KILL $$", Seen::Unknown),
    answer(
        "refused",
        "echo 'Permission denied' >&2; exit 255",
        Seen::Unknown,
    ),
    answer(
        "an answer, then cut off",
        "echo 77 3; exit 255",
        Seen::Unknown,
    ),
    answer(
        "noise first",
        "echo 'Willkommen auf node2'; echo; echo 77 3",
        Seen::At("77", 3),
    ),
    answer("noise only", "echo 'Willkommen auf node2'", Seen::Unknown),
    answer(
        "noise on stderr",
        "echo '77 9' >&2; echo 77 2",
        Seen::At("77", 2),
    ),
    answer("no cluster", "", Seen::Empty),
    answer("one number", "echo 77", Seen::Unknown),
    answer("three numbers", "echo 77 3 4", Seen::Unknown),
    answer("a negative one", "echo 77 -3", Seen::Unknown),
];

/// What node2 and node3 say over SSH; `systemctl` says that this host is up.
pub fn say(host: &Host, node2: &str, node3: &str) {
    host.answer(
        "ssh",
        &format!("case $* in *' 172.30.7.12 '*) {node2}\n;; *' 172.30.7.13 '*) {node3}\n;; *) exit 9 ;; esac"),
    );
}
