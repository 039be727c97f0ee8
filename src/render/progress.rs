//! A run while it goes on, on stderr.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::progress_log::{Log, last_part};
use super::style::{self, Paint, Tone, clean_line};
use crate::plan::Change;
use crate::run::events::{Event, Purpose};
use crate::size;

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
        if let Some(live) = &mut self.live {
            for line in lines {
                // A terminal that went away must not end the run.
                _ = live.all.println(line);
            }
            live.on(event);
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

/// One line per host with what it does just now.
#[derive(Debug)]
struct Live {
    all: MultiProgress,
    hosts: HashMap<String, Line>,
    paint: Paint,
}

#[derive(Debug)]
struct Line {
    bar: ProgressBar,
    /// The step and its subject, without the output behind it.
    doing: String,
}

impl Live {
    fn new(paint: Paint) -> Self {
        Self {
            all: MultiProgress::new(),
            hosts: HashMap::new(),
            paint,
        }
    }

    fn on(&mut self, event: &Event) {
        match event {
            Event::Connecting { hosts } => {
                for host in hosts {
                    self.does(host, "connecting");
                }
            }
            Event::Exchange { host, purpose } => match purpose {
                Purpose::Probe => self.does(host, "looking"),
                Purpose::Stage => {}
                Purpose::Verify => self.does(host, "looking again"),
            },
            Event::Probed { host } => {
                if let Some(line) = self.hosts.remove(host) {
                    line.bar.finish_and_clear();
                    self.all.remove(&line.bar);
                }
            }
            Event::StageStarted { hosts, .. } => {
                self.clear();
                for host in hosts {
                    self.does(host, "waiting");
                }
            }
            Event::StepStarted {
                host,
                step,
                subject,
            } => self.does(host, &format!("{step}: {subject}")),
            Event::StepOutput { host, line, .. } => self.printed(host, line),
            Event::StepFinished { host, .. } => self.does(host, "waiting"),
            Event::StageFinished { .. } | Event::Finished { .. } => self.clear(),
        }
    }

    fn does(&mut self, host: &str, doing: &str) {
        let all = &self.all;
        let line = self.hosts.entry(host.to_owned()).or_insert_with(|| {
            let bar = all.add(ProgressBar::new_spinner());
            bar.set_style(look());
            bar.set_prefix(clean_line(host));
            bar.enable_steady_tick(Duration::from_millis(200));
            Line {
                bar,
                doing: String::new(),
            }
        });
        line.doing = clean_line(doing);
        line.bar.reset_elapsed();
        line.bar.set_message(line.doing.clone());
    }

    fn printed(&mut self, host: &str, output: &str) {
        let output = last_part(output);
        if let Some(line) = self.hosts.get(host).filter(|_| !output.is_empty()) {
            let output = self.paint.paint(Tone::Dim, format!("| {output}"));
            line.bar.set_message(format!("{} {output}", line.doing));
        }
    }

    fn clear(&mut self) {
        for (_, line) in self.hosts.drain() {
            line.bar.finish_and_clear();
            self.all.remove(&line.bar);
        }
    }
}

/// The time stands before the text, for it is the text that a narrow terminal cuts.
const TEMPLATE: &str = "{spinner} {prefix} {elapsed:>3} {wide_msg}";

fn look() -> ProgressStyle {
    ProgressStyle::with_template(TEMPLATE)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars("|/-\\ ")
}

/// A change that a run did not come to.
#[derive(Clone, Copy, Debug)]
pub struct NotDone<'a> {
    pub host: &'a str,
    pub step: &'a str,
    pub subject: &'a str,
}

impl<'a> From<&'a Change> for NotDone<'a> {
    fn from(change: &'a Change) -> Self {
        Self {
            host: &change.host,
            step: &change.step,
            subject: &change.subject,
        }
    }
}

/// The end of a run: what was not done, line by line, then counts and time.
pub fn summary(
    changed: usize,
    failed: usize,
    milliseconds: u64,
    not_done: &[NotDone<'_>],
    colours: bool,
) -> String {
    let paint = Paint::new(colours);
    let mut out = String::new();
    if !not_done.is_empty() {
        out.push_str("not done:\n");
        for NotDone {
            host,
            step,
            subject,
        } in not_done
        {
            let line = clean_line(&format!("{host}: {step}: {subject}"));
            out.push_str(&format!("  {line}\n"));
        }
    }
    let time = size::duration(milliseconds);
    let counts = match (failed, not_done.len()) {
        (0, 0) => paint.paint(Tone::Good, format!("done: {changed} changed in {time}")),
        (failed, left) => paint.paint(
            Tone::Bad,
            format!("failed: {changed} changed, {failed} failed, {left} not done in {time}"),
        ),
    };
    out + &counts + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn a_summary_says_what_was_not_done() {
        let left = NotDone {
            host: "node2",
            step: "register the standby",
            subject: "main",
        };
        assert_eq!(
            summary(3, 0, 12_345, &[], false),
            "done: 3 changed in 12.3 s\n"
        );
        insta::assert_snapshot!(summary(3, 1, 125_000, &[left], false), @r"
        not done:
          node2: register the standby: main
        failed: 3 changed, 1 failed, 1 not done in 2 min 05 s
        ");
    }
}
