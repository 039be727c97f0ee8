//! A member's write-ahead log, read from its files: where it ends, how it came there, and what of it was saved.

use serde::{Deserialize, Serialize};

use super::parse::Answer;
use crate::postgres::lsn::Lsn;
use crate::postgres::timeline::{Branch, Switch};
use crate::shell::quote;

/// The write-ahead log in a data directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wal {
    pub branch: Branch,
    /// The record with which its timeline begins. Two servers that were promoted apart from each other may call their
    /// timelines the same; the time in this record tells them apart. `None`: the first timeline, or it is not there any more.
    pub birth: Option<String>,
    /// Where the last whole record begins. `None`: a primary that runs, or it cannot be read.
    pub last: Option<Lsn>,
    /// Where the oldest segment begins.
    pub oldest: Option<Lsn>,
    /// `wal_log_hints` in the control file: with it, or with data checksums, pg_rewind can tell which pages differ.
    pub wal_log_hints: bool,
    /// Whether a rewind was begun and did not end: the data are neither one thing nor the other.
    pub rewinding: bool,
    /// What of it was saved before it is given up.
    pub saved: Option<Saved>,
}

/// What only one member had, kept in a folder of its own on its host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    pub path: String,
    /// Where it begins.
    pub from: Option<Switch>,
    /// Where its last record begins.
    #[serde(default)]
    pub end: Option<Lsn>,
    /// Whether the log had lost its beginning: there was more than what is counted here.
    pub incomplete: bool,
    /// Bytes of log records.
    pub bytes: u64,
    pub commits: u64,
    /// When the first and the last of them were made, as PostgreSQL writes times.
    pub first: Option<String>,
    pub last: Option<String>,
    /// Relations by what was written to them: records, database and name, the most first.
    pub relations: Vec<(u64, String)>,
}

/// The script that [`parse`] reads the answers of. To find the `end` it reads all of the log since the last checkpoint.
pub fn script(version: u16, data_directory: &str, port: u16, end: bool) -> String {
    format!(
        "data={}\nbin=/usr/lib/postgresql/{version}/bin\nport={port}\nend={end}\nas_postgres() {{ as postgres \"$@\"; }}\n{}{}",
        quote(data_directory),
        include_str!("../../programs/control.sh"),
        include_str!("wal.sh")
    )
}

/// What the script said; `None` where there is no cluster.
pub fn parse(answer: &Answer) -> Option<Wal> {
    let mut wal = Wal::default();
    let mut segment = None;
    for line in &answer.lines {
        let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
        match key {
            "timeline" => wal.branch.timeline = rest.parse().ok()?,
            "wal_log_hints" => wal.wal_log_hints = rest == "on",
            "rewinding" => wal.rewinding = true,
            "oldest" => wal.oldest = rest.split_once(' ').and_then(oldest),
            "segment" => segment = rest.parse::<u64>().ok(),
            "switch" => wal.branch.switches.push(switch(rest)?),
            "birth" => wal.birth = Some(rest.to_owned()),
            "last" => wal.last = rest.parse().ok(),
            "saved" => {
                wal.saved = Some(Saved {
                    path: rest.to_owned(),
                    ..Saved::default()
                });
            }
            "report" => report(wal.saved.as_mut()?, rest),
            _ => {}
        }
    }
    // The number of a segment within its 4 GiB, until the size of one is known.
    if let (Some(Lsn(at)), Some(segment)) = (&mut wal.oldest, segment) {
        *at = (*at >> 32 << 32) | (*at & 0xFFFF_FFFF).saturating_mul(segment);
    }
    let last = wal.last;
    wal.saved.take_if(|saved| !saved.is_all_until(last));
    (wal.branch.timeline > 0).then_some(wal)
}

impl Saved {
    /// Whether nothing has come after it. It is found by the last checkpoint, and a server that was started since and killed, and a
    /// standby that has received more, may be at the same one.
    fn is_all_until(&self, last: Option<Lsn>) -> bool {
        // Whoever was not asked, or cannot tell, where the log ends has what there is.
        last.is_none() || last == self.end || last == self.checkpoint()
    }

    /// The last checkpoint, by which it is named: `TIMELINE-HIGH-LOW`. Where a server was shut down to be looked into, that is
    /// also the last record.
    fn checkpoint(&self) -> Option<Lsn> {
        let (_, name) = self.path.rsplit_once('/')?;
        let (_, at) = name.split_once('-')?;
        at.replace('-', "/").parse().ok()
    }
}

fn oldest((high, low): (&str, &str)) -> Option<Lsn> {
    format!("{high}/{low}").parse().ok()
}

/// `TIMELINE LSN`
fn switch(text: &str) -> Option<Switch> {
    let (timeline, at) = text.split_once(' ')?;
    Some(Switch {
        timeline: timeline.parse().ok()?,
        at: at.parse().ok()?,
    })
}

fn report(saved: &mut Saved, line: &str) {
    let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
    match key {
        "from" => saved.from = switch(rest),
        "incomplete" => saved.incomplete = true,
        "bytes" => saved.bytes = rest.parse().unwrap_or(0),
        "commits" => saved.commits = rest.parse().unwrap_or(0),
        "first" => saved.first = Some(rest.to_owned()),
        "last" => saved.last = Some(rest.to_owned()),
        "end" => saved.end = rest.parse().ok(),
        "relation" => {
            if let Some((records, name)) = rest.split_once(' ') {
                let records = records.parse().unwrap_or(0);
                saved.relations.push((records, name.to_owned()));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Option<Wal> {
        parse(&Answer {
            lines: lines.lines().map(str::to_owned).collect(),
            ..Answer::default()
        })
    }

    #[test]
    fn what_the_script_says() {
        let wal = read(
            "timeline 3\nwal_log_hints on\noldest 00000001 000000FE\nsegment 16777216\nswitch 1 0/3000060\nswitch 2 1/FE000028\n\
             birth END_OF_RECOVERY tli 3; prev tli 2; time 2026-11-21 14:00:00.000001 UTC\nlast 1/FF0000A0\n\
             saved /var/lib/pgha/diverged/3-1-FF0000A0\nreport from 2 1/FE000028\nreport bytes 4711\nreport commits 2\n\
             report first 2026-11-21 14:00:01 UTC\nreport last 2026-11-21 14:00:02.5 UTC\nreport relation 3 app public.rows",
        );
        let wal = wal.unwrap();
        assert_eq!(wal.branch.timeline, 3);
        assert_eq!(wal.branch.switches.len(), 2);
        assert_eq!(wal.oldest, "1/FE000000".parse().ok());
        assert_eq!(wal.last, "1/FF0000A0".parse().ok());
        assert!(wal.wal_log_hints && !wal.rewinding);
        let saved = wal.saved.unwrap();
        assert_eq!(saved.from, Some(wal.branch.switches[1]));
        assert_eq!((saved.bytes, saved.commits), (4711, 2));
        assert_eq!(saved.relations, [(3, "app public.rows".to_owned())]);
    }

    #[test]
    fn what_was_saved_is_all_that_there_is() {
        let saved = |last: &str, report: &str| {
            let lines = format!(
                "timeline 1\nlast {last}\nsaved /var/lib/pgha/diverged/1-0-801F420\nreport from 1 0/801BB50\n{report}"
            );
            read(&lines).unwrap().saved.is_some()
        };
        // A primary that was shut down.
        assert!(saved("0/0801F420", ""));
        // One that went on after that and was killed: its last checkpoint is the same.
        assert!(!saved("0/0801F578", ""));
        assert!(!saved("0/0801F578", "report end 0/801F420"));
        // A standby, whose log goes on after its last restartpoint.
        assert!(saved("0/0801F578", "report end 0/801F578"));
        assert!(!saved("0/0801F5A8", "report end 0/801F578"));
    }

    #[test]
    fn no_cluster_has_no_log() {
        assert_eq!(read(""), None);
    }
}
