//! The lines that a run leaves behind.

use std::collections::HashMap;
use std::time::Duration;

use super::plan::stage_heading;
use super::style::{Paint, Tone, clean_line};
use crate::run::events::{Event, Outcome};
use crate::size;

/// How often a long step without a terminal tells how far it is.
const INTERVAL: Duration = Duration::from_secs(5);

/// Turns events into lines to keep. On a terminal what goes on is shown beside them, so fewer are needed.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) verbose: bool,
    pub(super) terminal: bool,
    pub(super) paint: Paint,
    stage: Option<StageNow>,
    /// Per host, when the running step last told something.
    told: HashMap<String, Duration>,
}

#[derive(Debug)]
struct StageNow {
    heading: String,
    started: Duration,
    changed: usize,
    failed: usize,
}

impl Log {
    pub(super) fn new(verbose: bool, terminal: bool, paint: Paint) -> Self {
        Self {
            verbose,
            terminal,
            paint,
            stage: None,
            told: HashMap::new(),
        }
    }

    /// The lines for `event`, which came when the run was `now` old.
    pub(super) fn lines(&mut self, event: &Event, now: Duration) -> Vec<String> {
        match event {
            Event::Connecting { hosts } if !self.terminal => {
                vec![format!("connecting to {}", clean_line(&hosts.join(", ")))]
            }
            Event::Connecting { .. } | Event::Exchange { .. } | Event::Probed { .. } => Vec::new(),
            Event::StageStarted {
                stage,
                stages,
                hosts,
            } => self.stage_started(*stage, *stages, hosts, now),
            Event::StepStarted { host, .. } => {
                self.told.insert(host.clone(), now);
                Vec::new()
            }
            Event::StepOutput { host, step, line } => self.output(host, step, line, now),
            Event::StepFinished {
                host,
                step,
                subject,
                milliseconds,
                outcome,
            } => {
                self.told.remove(host);
                let what = format!("{host}: {step}: {subject}");
                self.step_finished(&what, *milliseconds, *outcome)
            }
            Event::StageFinished { .. } | Event::Finished { .. } => self.stage_finished(now),
        }
    }

    fn stage_started(
        &mut self,
        stage: usize,
        stages: usize,
        hosts: &[String],
        now: Duration,
    ) -> Vec<String> {
        let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let heading = stage_heading(stage, stages, &names);
        let line = self.paint.paint(Tone::Heading, &heading);
        let (changed, failed) = (0, 0);
        let started = now;
        self.stage = Some(StageNow {
            heading,
            started,
            changed,
            failed,
        });
        if self.is_brief() {
            Vec::new()
        } else {
            vec![line]
        }
    }

    fn output(&mut self, host: &str, step: &str, line: &str, now: Duration) -> Vec<String> {
        let line = last_part(line);
        let is_due = self
            .told
            .get(host)
            .is_none_or(|told| now.saturating_sub(*told) >= INTERVAL);
        if line.is_empty() || !(self.verbose || (!self.terminal && is_due)) {
            return Vec::new();
        }
        self.told.insert(host.to_owned(), now);
        let place = clean_line(&format!("{host}: {step}"));
        vec![format!("{place} | {}", self.paint.paint(Tone::Dim, line))]
    }

    fn step_finished(&mut self, what: &str, milliseconds: u64, outcome: Outcome) -> Vec<String> {
        let (said, tone) = match outcome {
            Outcome::Changed => ("changed", Tone::Good),
            Outcome::Failed => ("failed", Tone::Bad),
            Outcome::Stale => (
                "not done: the host moved since the plan was made",
                Tone::Bad,
            ),
        };
        if let Some(stage) = &mut self.stage {
            match outcome {
                Outcome::Changed => stage.changed += 1,
                Outcome::Failed | Outcome::Stale => stage.failed += 1,
            }
        }
        if self.is_brief() && outcome == Outcome::Changed {
            return Vec::new();
        }
        let time = size::duration(milliseconds);
        vec![format!(
            "{} … {} ({time})",
            clean_line(what),
            self.paint.paint(tone, said)
        )]
    }

    /// A stage that was cut short by the end of the run is summed up then.
    fn stage_finished(&mut self, now: Duration) -> Vec<String> {
        self.told.clear();
        let Some(stage) = self.stage.take() else {
            return Vec::new();
        };
        if !self.is_brief() {
            return Vec::new();
        }
        let time = now.saturating_sub(stage.started).as_millis();
        let time = size::duration(u64::try_from(time).unwrap_or(u64::MAX));
        let failed = match stage.failed {
            0 => String::new(),
            failed => format!(
                ", {}",
                self.paint.paint(Tone::Bad, format!("{failed} failed"))
            ),
        };
        vec![format!(
            "{} … {} changed{failed} ({time})",
            stage.heading, stage.changed
        )]
    }

    /// Whether a stage is one line, written when it is over.
    fn is_brief(&self) -> bool {
        self.terminal && !self.verbose
    }
}

/// What a terminal would show of a line in the end: without colour, and behind its last carriage return.
pub(super) fn last_part(line: &str) -> String {
    let plain = console::strip_ansi_codes(line);
    let last = plain.split('\r').rfind(|part| !part.trim().is_empty());
    clean_line(last.unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stage in which node1 copies for 13 seconds and node2 fails.
    fn lines(verbose: bool, terminal: bool) -> String {
        let [node1, node2] = ["node1", "node2"].map(str::to_owned);
        let hosts = vec![node1.clone(), node2.clone()];
        let started = |host: &String| Event::StepStarted {
            host: host.clone(),
            step: "clone".into(),
            subject: "main".into(),
        };
        let finished = |host: &String, milliseconds, outcome| Event::StepFinished {
            host: host.clone(),
            step: "clone".into(),
            subject: "main".into(),
            milliseconds,
            outcome,
        };
        let output = |second| Event::StepOutput {
            host: node1.clone(),
            step: "clone".into(),
            line: format!("\u{1b}[1m0 %\r{second} %\u{1b}[0m\r"),
        };
        let mut events = vec![
            (
                0,
                Event::Connecting {
                    hosts: hosts.clone(),
                },
            ),
            (
                1,
                Event::StageStarted {
                    stage: 1,
                    stages: 2,
                    hosts,
                },
            ),
            (1, started(&node1)),
            (1, started(&node2)),
            (2, finished(&node2, 120, Outcome::Failed)),
        ];
        events.extend([4, 7, 8, 13].map(|second| (second, output(second))));
        events.push((14, finished(&node1, 13_000, Outcome::Changed)));
        events.push((14, finished(&node1, 0, Outcome::Stale)));
        events.push((14, Event::StageFinished { stage: 1 }));
        let mut log = Log::new(verbose, terminal, Paint::new(false));
        let lines = |(second, event): &(u64, Event)| log.lines(event, Duration::from_secs(*second));
        events.iter().flat_map(lines).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn without_a_terminal_each_step_is_a_line_and_long_ones_tell_how_far_they_are() {
        insta::assert_snapshot!(lines(false, false), @r"
        connecting to node1, node2
        stage 1 of 2: node1, node2 at the same time
        node2: clone: main … failed (0.12 s)
        node1: clone | 7 %
        node1: clone | 13 %
        node1: clone: main … changed (13.0 s)
        node1: clone: main … not done: the host moved since the plan was made (0.00 s)
        ");
    }

    #[test]
    fn on_a_terminal_a_stage_leaves_one_line_and_those_of_its_failures() {
        insta::assert_snapshot!(lines(false, true), @r"
        node2: clone: main … failed (0.12 s)
        node1: clone: main … not done: the host moved since the plan was made (0.00 s)
        stage 1 of 2: node1, node2 at the same time … 1 changed, 2 failed (13.0 s)
        ");
    }

    #[test]
    fn verbose_shows_every_line_that_a_step_prints() {
        assert_eq!(lines(true, true).matches("node1: clone | ").count(), 4);
        assert_eq!(lines(true, false).matches("node1: clone | ").count(), 4);
    }
}
