//! The lines that a run leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::meter::last_part;
use super::plan::{deed, stage_heading};
use super::style::{Paint, Tone, clean_line};
use crate::run::events::{Event, Outcome, Purpose};
use crate::size;
use crate::words::count;

/// How often a step that prints tells how far it is, without a terminal.
const INTERVAL: Duration = Duration::from_secs(5);
/// How often one that prints nothing shows that it is still at work.
const SILENCE: Duration = Duration::from_secs(10);

/// Turns events into lines to keep. On a terminal what goes on is shown beside them, so fewer are needed.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) verbose: bool,
    pub(super) terminal: bool,
    pub(super) paint: Paint,
    looking: Option<LookingNow>,
    stage: Option<StageNow>,
    /// What each host does just now.
    at_work: BTreeMap<String, StepNow>,
}

/// Hosts that are being connected to, or looked at.
#[derive(Debug)]
struct LookingNow {
    verb: &'static str,
    left: BTreeSet<String>,
    started: Duration,
    told: Duration,
}

#[derive(Debug)]
struct StageNow {
    heading: String,
    changed: usize,
    failed: usize,
}

#[derive(Debug)]
struct StepNow {
    deed: String,
    started: Duration,
    told: Duration,
}

impl Log {
    pub(super) fn new(verbose: bool, terminal: bool, paint: Paint) -> Self {
        Self {
            verbose,
            terminal,
            paint,
            looking: None,
            stage: None,
            at_work: BTreeMap::new(),
        }
    }

    /// The lines for `event`, which came when the run was `now` old.
    pub(super) fn lines(&mut self, event: &Event, now: Duration) -> Vec<String> {
        match event {
            // The end of the run tells it.
            Event::Stall(_) => Vec::new(),
            Event::Undoing => {
                vec!["something failed before the point of no return: undoing".to_owned()]
            }
            Event::Connecting { hosts } => {
                let line = format!("connecting to {}", count(hosts.len(), "host"));
                self.look("connecting to", hosts, now);
                self.unless_live(line)
            }
            Event::Exchange {
                host,
                purpose: Purpose::Verify,
            } => self.look_again(host, now),
            Event::Exchange {
                host,
                purpose: Purpose::Probe,
            } => {
                if let Some(looking) = &mut self.looking {
                    if looking.verb != "looking at" {
                        looking.verb = "looking at";
                        looking.told = now;
                    }
                    looking.left.insert(host.clone());
                }
                Vec::new()
            }
            Event::Exchange { .. } => Vec::new(),
            Event::Connected { host } | Event::Probed { host } => {
                if let Some(looking) = &mut self.looking {
                    looking.left.remove(host);
                }
                Vec::new()
            }
            Event::Looked => {
                self.looking = None;
                Vec::new()
            }
            Event::StageStarted {
                stage,
                stages,
                hosts,
            } => self.stage_started(*stage, *stages, hosts),
            Event::StepStarted {
                host,
                action,
                resource,
                subject,
                ..
            } => {
                let step = StepNow {
                    deed: deed(*action, resource, subject, self.paint),
                    started: now,
                    told: now,
                };
                self.at_work.insert(host.clone(), step);
                Vec::new()
            }
            Event::StepOutput { host, line, .. } => self.output(host, line, now),
            Event::StepFinished {
                host,
                action,
                resource,
                subject,
                milliseconds,
                outcome,
                ..
            } => {
                self.at_work.remove(host);
                let deed = deed(*action, resource, subject, self.paint);
                self.step_finished(host, &deed, *milliseconds, *outcome)
            }
            Event::StageFinished { milliseconds, .. } => self.stage_finished(*milliseconds),
            Event::Finished { .. } => Vec::new(),
        }
    }

    /// The lines that silence is broken with: without a terminal nothing else shows that the run is alive.
    pub(super) fn beat(&mut self, now: Duration) -> Vec<String> {
        if self.terminal {
            return Vec::new();
        }
        let is_due = |told: Duration| now.saturating_sub(told) >= SILENCE;
        let seconds = |started: Duration| now.saturating_sub(started).as_secs();
        let mut lines = Vec::new();
        if let Some(looking) = &mut self.looking
            && is_due(looking.told)
            && !looking.left.is_empty()
        {
            looking.told = now;
            let left: Vec<&str> = looking.left.iter().map(String::as_str).collect();
            lines.push(format!(
                "still {} {} ({} s)",
                looking.verb,
                clean_line(&left.join(", ")),
                seconds(looking.started)
            ));
        }
        for (host, step) in &mut self.at_work {
            if is_due(step.told) {
                step.told = now;
                lines.push(format!(
                    "{}: {} … at work for {} s",
                    clean_line(host),
                    step.deed,
                    seconds(step.started)
                ));
            }
        }
        lines
    }

    fn look(&mut self, verb: &'static str, hosts: &[String], now: Duration) {
        self.looking = Some(LookingNow {
            verb,
            left: hosts.iter().cloned().collect(),
            started: now,
            told: now,
        });
    }

    fn look_again(&mut self, host: &str, now: Duration) -> Vec<String> {
        if let Some(looking) = &mut self.looking {
            looking.left.insert(host.to_owned());
            return Vec::new();
        }
        self.look("looking at", &[host.to_owned()], now);
        self.unless_live("looking whether everything is as planned".to_owned())
    }

    fn unless_live(&self, line: String) -> Vec<String> {
        if self.terminal {
            Vec::new()
        } else {
            vec![line]
        }
    }

    fn stage_started(&mut self, stage: usize, stages: usize, hosts: &[String]) -> Vec<String> {
        let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let heading = stage_heading(stage, stages, &names);
        let line = self.paint.paint(Tone::Heading, &heading);
        let (changed, failed) = (0, 0);
        self.stage = Some(StageNow {
            heading,
            changed,
            failed,
        });
        if self.is_brief() {
            Vec::new()
        } else {
            vec![line]
        }
    }

    fn output(&mut self, host: &str, line: &str, now: Duration) -> Vec<String> {
        let step = self.at_work.get_mut(host);
        let elapsed = step
            .as_ref()
            .map_or(Duration::ZERO, |step| now.saturating_sub(step.started));
        let line = last_part(line, elapsed);
        let is_due = step
            .as_ref()
            .is_none_or(|step| now.saturating_sub(step.told) >= INTERVAL);
        if line.is_empty() || !(self.verbose || (!self.terminal && is_due)) {
            return Vec::new();
        }
        let host = clean_line(host);
        let place = match step {
            Some(step) => {
                step.told = now;
                format!("{host}: {}", step.deed)
            }
            None => host,
        };
        vec![format!("{place} | {}", self.paint.paint(Tone::Dim, line))]
    }

    fn step_finished(
        &mut self,
        host: &str,
        deed: &str,
        milliseconds: u64,
        outcome: Outcome,
    ) -> Vec<String> {
        let said = match outcome {
            Outcome::Changed => String::new(),
            Outcome::Failed => format!(" … {}", self.paint.paint(Tone::Bad, "failed")),
            Outcome::Stale => {
                let said = "not done: the host moved since the plan was made";
                format!(" … {}", self.paint.paint(Tone::Bad, said))
            }
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
        vec![format!("{}: {deed}{said} ({time})", clean_line(host))]
    }

    fn stage_finished(&mut self, milliseconds: u64) -> Vec<String> {
        self.at_work.clear();
        let Some(stage) = self.stage.take() else {
            return Vec::new();
        };
        if !self.is_brief() {
            return Vec::new();
        }
        let failed = match stage.failed {
            0 => String::new(),
            failed => format!(
                ", {}",
                self.paint.paint(Tone::Bad, format!("{failed} failed"))
            ),
        };
        vec![format!(
            "{} … {} done{failed} ({})",
            stage.heading,
            stage.changed,
            size::duration(milliseconds)
        )]
    }

    /// Whether a stage is one line, written when it is over.
    fn is_brief(&self) -> bool {
        self.terminal && !self.verbose
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;

    /// A stage in which node1 copies for 13 seconds and node2 fails.
    fn lines(verbose: bool, terminal: bool) -> String {
        let [node1, node2] = ["node1", "node2"].map(str::to_owned);
        let hosts = vec![node1.clone(), node2.clone()];
        let started = |host: &String| Event::StepStarted {
            host: host.clone(),
            step: "it is a copy".into(),
            action: Action::Create,
            resource: "standby_clone".into(),
            subject: "main".into(),
        };
        let finished = |host: &String, milliseconds, outcome| Event::StepFinished {
            host: host.clone(),
            step: "it is a copy".into(),
            action: Action::Create,
            resource: "standby_clone".into(),
            subject: "main".into(),
            milliseconds,
            outcome,
        };
        let output = |second| Event::StepOutput {
            host: node1.clone(),
            step: "it is a copy".into(),
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
        events.push((
            14,
            Event::StageFinished {
                stage: 1,
                milliseconds: 13_000,
            },
        ));
        let mut log = Log::new(verbose, terminal, Paint::new(false));
        let lines = |(second, event): &(u64, Event)| log.lines(event, Duration::from_secs(*second));
        events.iter().flat_map(lines).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn without_a_terminal_each_step_is_a_line_and_long_ones_tell_how_far_they_are() {
        insta::assert_snapshot!(lines(false, false), @r"
        connecting to 2 hosts
        stage 1 of 2: node1, node2 at the same time
        node2: + create standby_clone main … failed (120 ms)
        node1: + create standby_clone main | 7 %
        node1: + create standby_clone main | 13 %
        node1: + create standby_clone main (13.0 s)
        node1: + create standby_clone main … not done: the host moved since the plan was made (0 ms)
        ");
    }

    #[test]
    fn on_a_terminal_a_stage_leaves_one_line_and_those_of_its_failures() {
        insta::assert_snapshot!(lines(false, true), @r"
        node2: + create standby_clone main … failed (120 ms)
        node1: + create standby_clone main … not done: the host moved since the plan was made (0 ms)
        stage 1 of 2: node1, node2 at the same time … 1 done, 2 failed (13.0 s)
        ");
    }

    #[test]
    fn verbose_shows_every_line_that_a_step_prints() {
        assert_eq!(
            lines(true, true)
                .matches("node1: + create standby_clone main | ")
                .count(),
            4
        );
        assert_eq!(
            lines(true, false)
                .matches("node1: + create standby_clone main | ")
                .count(),
            4
        );
    }

    #[test]
    fn silence_is_broken_every_ten_seconds_unless_a_terminal_shows_that_time_passes() {
        let started = Event::StepStarted {
            host: "node1".into(),
            step: "it runs".into(),
            action: Action::Start,
            resource: "service".into(),
            subject: "repmgrd".into(),
        };
        for (terminal, told) in [
            (
                false,
                &[
                    (11, "node1: > start service repmgrd … at work for 10 s"),
                    (21, "node1: > start service repmgrd … at work for 20 s"),
                ][..],
            ),
            (true, &[]),
        ] {
            let mut log = Log::new(false, terminal, Paint::new(false));
            assert!(log.lines(&started, Duration::from_secs(1)).is_empty());
            let beats = (2..30).flat_map(|second| {
                let lines = log.beat(Duration::from_secs(second));
                lines
                    .into_iter()
                    .map(move |line| (second, line))
                    .collect::<Vec<_>>()
            });
            let expected: Vec<(u64, String)> = told
                .iter()
                .map(|(second, line)| (*second, (*line).to_owned()))
                .collect();
            assert_eq!(beats.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn hosts_that_keep_it_waiting_are_named() {
        let hosts = ["node1", "node2"].map(str::to_owned).to_vec();
        let mut log = Log::new(false, false, Paint::new(false));
        let connecting = log.lines(&Event::Connecting { hosts }, Duration::ZERO);
        assert_eq!(connecting, ["connecting to 2 hosts"]);
        log.lines(
            &Event::Connected {
                host: "node1".into(),
            },
            Duration::from_secs(1),
        );
        assert_eq!(
            log.beat(Duration::from_secs(10)),
            ["still connecting to node2 (10 s)"]
        );
        log.lines(&Event::Looked, Duration::from_secs(11));
        assert!(log.beat(Duration::from_secs(60)).is_empty());
    }
}
