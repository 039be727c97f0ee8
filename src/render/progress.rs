//! A run while it goes on, on stderr.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use console::Alignment;
use indexmap::IndexMap;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::meter::last_part;
use super::plan::deed;
use super::progress_log::Log;
use super::style::{self, Paint, Tone, clean_line};
use crate::plan::Change;
use crate::run::events::{Event, Purpose};
use crate::size;
use crate::words::count;

/// Shows events as they come: on a terminal one live line per host, elsewhere plain lines.
#[derive(Debug)]
pub struct Progress {
    log: Log,
    began: Instant,
    live: Option<Live>,
}

impl Progress {
    /// With `verbose` every step leaves a line, and what it prints is shown.
    pub fn new(verbose: bool) -> Self {
        let terminal = console::user_attended_stderr() && !console::is_dumb();
        let paint = Paint::new(style::stderr_colours());
        Self {
            log: Log::new(verbose, terminal, paint),
            began: Instant::now(),
            live: terminal.then(|| Live::new(paint)),
        }
    }

    pub fn on(&mut self, event: &Event) {
        let lines = self.log.lines(event, self.began.elapsed());
        self.keep(lines);
        if let Some(live) = &mut self.live {
            live.on(event);
        }
    }

    /// Time has passed: to be called every second or so.
    pub fn beat(&mut self) {
        let lines = self.log.beat(self.began.elapsed());
        self.keep(lines);
    }

    fn keep(&mut self, lines: Vec<String>) {
        if let Some(live) = &mut self.live {
            for line in lines {
                // A terminal that went away must not end the run.
                _ = live.all.println(line);
            }
        } else {
            use std::io::Write;
            for line in lines {
                _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }
}

/// However a run ends, no half line stays on the terminal.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(live) = &mut self.live {
            live.clear();
        }
    }
}

/// What goes on just now: a line for the hosts that are looked at, or one per host that is at work.
#[derive(Debug)]
struct Live {
    all: MultiProgress,
    looking: Option<Looking>,
    hosts: HashMap<String, Line>,
    paint: Paint,
}

#[derive(Debug)]
struct Looking {
    bar: ProgressBar,
    verb: &'static str,
    total: usize,
    left: BTreeSet<String>,
}

impl Looking {
    fn tell(&self) {
        let hosts = count(self.total, "host");
        let left: Vec<&str> = self.left.iter().map(String::as_str).collect();
        let waiting = if left.len() < self.total && !left.is_empty() {
            clean_line(&format!(", waiting for {}", left.join(", ")))
        } else {
            String::new()
        };
        self.bar
            .set_message(format!("{} {hosts}{waiting}", self.verb));
    }
}

#[derive(Debug)]
struct Line {
    bar: ProgressBar,
    /// The deed, without the output behind it.
    doing: String,
}

impl Live {
    fn new(paint: Paint) -> Self {
        Self {
            all: MultiProgress::new(),
            looking: None,
            hosts: HashMap::new(),
            paint,
        }
    }

    fn on(&mut self, event: &Event) {
        match event {
            Event::Undoing | Event::Stall(_) => {}
            Event::Connecting { hosts } => {
                let looking = self.looking("connecting to");
                looking.total = hosts.len();
                looking.left.extend(hosts.iter().cloned());
                looking.tell();
            }
            Event::Exchange { host, purpose } => match purpose {
                Purpose::Probe => {
                    let looking = self.looking("looking at");
                    looking.verb = "looking at";
                    looking.left.insert(host.clone());
                    looking.tell();
                }
                Purpose::Stage | Purpose::Trial => {}
                Purpose::Verify => {
                    let looking = self.looking("looking again at");
                    looking.left.insert(host.clone());
                    looking.total = looking.total.max(looking.left.len());
                    looking.tell();
                }
            },
            Event::Connected { host } | Event::Probed { host } => {
                if let Some(looking) = &mut self.looking {
                    looking.left.remove(host);
                    looking.tell();
                }
            }
            Event::StageStarted { hosts, .. } => {
                self.clear();
                let width = hosts.iter().map(|host| console::measure_text_width(host));
                let width = width.max().unwrap_or(0);
                for host in hosts {
                    self.add(host, width);
                    self.does(host, String::new());
                }
            }
            Event::StepStarted {
                host,
                action,
                resource,
                subject,
                ..
            } => self.does(host, deed(*action, resource, subject, self.paint)),
            Event::StepOutput { host, line, .. } => self.printed(host, line),
            Event::StepFinished { host, .. } => self.does(host, String::new()),
            Event::Looked | Event::StageFinished { .. } | Event::Finished { .. } => self.clear(),
        }
    }

    fn looking(&mut self, verb: &'static str) -> &mut Looking {
        let all = &self.all;
        self.looking.get_or_insert_with(|| Looking {
            bar: spinner(all, "{spinner} {wide_msg}"),
            verb,
            total: 0,
            left: BTreeSet::new(),
        })
    }

    fn add(&mut self, host: &str, width: usize) {
        let bar = spinner(&self.all, TEMPLATE);
        let name = clean_line(host);
        bar.set_prefix(console::pad_str(&name, width, Alignment::Left, None).into_owned());
        let doing = String::new();
        self.hosts.insert(host.to_owned(), Line { bar, doing });
    }

    /// With nothing to do it waits: for its next step, or for the other hosts.
    fn does(&mut self, host: &str, doing: String) {
        let Some(line) = self.hosts.get_mut(host) else {
            return;
        };
        line.bar.reset_elapsed();
        line.bar.set_message(if doing.is_empty() {
            self.paint.paint(Tone::Dim, "waiting")
        } else {
            doing.clone()
        });
        line.doing = doing;
    }

    fn printed(&mut self, host: &str, output: &str) {
        let elapsed = self
            .hosts
            .get(host)
            .map_or(Duration::ZERO, |line| line.bar.elapsed());
        let output = last_part(output, elapsed);
        if output.is_empty() {
            return;
        }
        if let Some(line) = self.hosts.get(host) {
            let output = self.paint.paint(Tone::Dim, format!("| {output}"));
            line.bar.set_message(format!("{} {output}", line.doing));
        } else if let Some(looking) = &self.looking {
            let line = clean_line(&format!("{host}: {output}"));
            looking.bar.set_message(line);
        }
    }

    fn clear(&mut self) {
        let lines = self.hosts.drain().map(|(_, line)| line.bar);
        for bar in lines.chain(self.looking.take().map(|looking| looking.bar)) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }
}

/// The time stands before the text, for it is the text that a narrow terminal cuts.
const TEMPLATE: &str = "{spinner} {prefix} {elapsed:>3} {wide_msg}";

fn spinner(all: &MultiProgress, template: &str) -> ProgressBar {
    let bar = all.add(ProgressBar::new_spinner());
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars("|/-\\ ");
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    pub changed: usize,
    pub failed: usize,
    pub milliseconds: u64,
    pub interrupted: bool,
    /// The changes that the run did not come to.
    pub not_done: &'a [Change],
    /// Those of them that were at work when it was interrupted.
    pub at_work: &'a [Change],
}

/// Changes of one host that are listed; the rest is counted.
const LISTED: usize = 8;

/// The end of a run: what was not done, then counts and time.
pub fn summary(ending: &Ending<'_>, colours: bool) -> String {
    let paint = Paint::new(colours);
    let mut out = String::new();
    if ending.interrupted {
        out.push_str(&interrupted(ending.at_work));
    }
    out.push_str(&not_done(ending.not_done));
    let time = size::duration(ending.milliseconds);
    let Ending {
        changed, failed, ..
    } = ending;
    let left = ending.not_done.len();
    let counts = if ending.interrupted {
        let failed = match failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        paint.paint(
            Tone::Bad,
            format!("interrupted: {changed} changed{failed}, {left} not done in {time}"),
        )
    } else if *failed == 0 && left == 0 {
        paint.paint(Tone::Good, format!("done: {changed} changed in {time}"))
    } else {
        paint.paint(
            Tone::Bad,
            format!("failed: {changed} changed, {failed} failed, {left} not done in {time}"),
        )
    };
    out.push_str(&counts);
    out.push('\n');
    if left > 0 {
        let hint = paint.paint(Tone::Hint, "hint:");
        out.push_str(&format!(
            "{hint} the same command again goes on from what it finds; `pgha plan` shows what is left\n"
        ));
    }
    out
}

fn interrupted(at_work: &[Change]) -> String {
    let mut out = String::new();
    for change in at_work {
        let deed = plain_deed(change);
        let host = clean_line(&change.host);
        out.push_str(&format!(
            "{host}: {deed} … was at work, and goes on to its end there\n"
        ));
    }
    out
}

/// Hosts with the same left to do stand together.
fn not_done(changes: &[Change]) -> String {
    let mut of_host: IndexMap<&str, Vec<String>> = IndexMap::new();
    for change in changes {
        let left = of_host.entry(&change.host).or_default();
        left.push(format!(
            "{}  ({})",
            plain_deed(change),
            clean_line(&change.step)
        ));
    }
    let mut alike: IndexMap<Vec<String>, Vec<&str>> = IndexMap::new();
    for (host, left) in of_host {
        alike.entry(left).or_default().push(host);
    }
    let mut out = String::new();
    if !alike.is_empty() {
        out.push_str("not done:\n");
    }
    for (left, hosts) in alike {
        out.push_str(&format!("  {}:\n", clean_line(&hosts.join(", "))));
        // A list that is one line longer is no shorter with a count in its place.
        let listed = if left.len() <= LISTED + 1 {
            left.len()
        } else {
            LISTED
        };
        for line in &left[..listed] {
            out.push_str(&format!("    {line}\n"));
        }
        if listed < left.len() {
            out.push_str(&format!("    … and {} more\n", left.len() - listed));
        }
    }
    out
}

fn plain_deed(change: &Change) -> String {
    deed(
        change.action,
        &change.resource,
        &change.subject,
        Paint::new(false),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;

    fn change(host: &str, subject: &str) -> Change {
        Change {
            host: host.to_owned(),
            step: "it is registered".to_owned(),
            resource: "repmgr_registration".to_owned(),
            subject: subject.to_owned(),
            action: Action::Create,
            fields: Vec::new(),
            diff: None,
            guards: Vec::new(),
            ops: Vec::new(),
            after: Vec::new(),
            undo: Vec::new(),
            decides: false,
        }
    }

    fn ending(not_done: &[Change]) -> Ending<'_> {
        Ending {
            changed: 3,
            failed: 0,
            milliseconds: 12_345,
            interrupted: false,
            not_done,
            at_work: &[],
        }
    }

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn a_run_that_was_all_done_is_one_line() {
        assert_eq!(summary(&ending(&[]), false), "done: 3 changed in 12.3 s\n");
    }

    #[test]
    fn a_summary_says_what_was_not_done_and_hosts_alike_stand_together() {
        let left = [
            change("node2", "a"),
            change("node3", "a"),
            change("node1", "b"),
        ];
        let failed = Ending {
            failed: 1,
            milliseconds: 125_000,
            ..ending(&left)
        };
        insta::assert_snapshot!(summary(&failed, false), @r"
        not done:
          node2, node3:
            + create repmgr_registration a  (it is registered)
          node1:
            + create repmgr_registration b  (it is registered)
        failed: 3 changed, 1 failed, 3 not done in 2 min 05 s
        hint: the same command again goes on from what it finds; `pgha plan` shows what is left
        ");
    }

    #[test]
    fn an_interrupted_run_says_what_goes_on_and_a_long_list_is_cut() {
        let left: Vec<Change> = (0..20)
            .map(|number| change("node1", &number.to_string()))
            .collect();
        let stopped = Ending {
            interrupted: true,
            at_work: &left[..1],
            ..ending(&left)
        };
        insta::assert_snapshot!(summary(&stopped, false), @r"
        node1: + create repmgr_registration 0 … was at work, and goes on to its end there
        not done:
          node1:
            + create repmgr_registration 0  (it is registered)
            + create repmgr_registration 1  (it is registered)
            + create repmgr_registration 2  (it is registered)
            + create repmgr_registration 3  (it is registered)
            + create repmgr_registration 4  (it is registered)
            + create repmgr_registration 5  (it is registered)
            + create repmgr_registration 6  (it is registered)
            + create repmgr_registration 7  (it is registered)
            … and 12 more
        interrupted: 3 changed, 20 not done in 12.3 s
        hint: the same command again goes on from what it finds; `pgha plan` shows what is left
        ");
    }
}
