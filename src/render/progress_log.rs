//! The lines that a run leaves behind.

use std::collections::HashMap;
use std::time::Duration;

use super::plan::stage_heading;
use super::size;
use super::style::{Paint, Tone, clean_line};
use crate::run::events::{Event, Outcome};

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
