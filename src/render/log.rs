//! A past run, and the list of them.

use jiff::Timestamp;
use serde_json::Value;

use super::plan::{deed, stage_heading};
use super::style::{Paint, Tone, clean_line};
use super::table::{Cell, or_dash, table};
use crate::run::events::{Event, Outcome, Purpose};
use crate::run::history::{End, Entry, Past};
use crate::size;
use crate::words::count;

/// The whole run: when it was and of what, its events with their times, and how it ended. Times are UTC, as in the names of
/// runs: the reader may sit elsewhere than who applied.
pub fn text(past: &Past, colours: bool) -> String {
    let paint = Paint::new(colours);
    let mut out = vec![paint.paint(Tone::Heading, heading(past))];
    out.extend(planned(past));
    out.push(String::new());
    let began = past.began();
    let width = past
        .entries
        .iter()
        .map(|entry| offset(entry, began).len())
        .max();
    let mut looking_again = false;
    for entry in &past.entries {
        let event = entry.event();
        let told = match &event {
            // Of all the hosts that are looked at again, the first.
            Some(Event::Exchange {
                purpose: Purpose::Verify,
                ..
            }) if !looking_again => {
                looking_again = true;
                Some("looking whether everything is as planned".to_owned())
            }
            Some(event) => known(event, paint),
            None => Some(unknown(entry)),
        };
        if let Some(told) = told {
            let time = entry.time().map(clock);
            let stamp = format!(
                "{:12}  {:>width$}",
                or_dash(time),
                offset(entry, began),
                width = width.unwrap_or_default()
            );
            out.push(format!("{}  {told}", paint.paint(Tone::Dim, stamp)));
        }
    }
    if !past.entries.is_empty() {
        out.push(String::new());
    }
    out.extend(ending(past, paint));
    out.join("\n") + "\n"
}

/// One line per run.
pub fn list(pasts: &[Past], colours: bool) -> String {
    let rows: Vec<Vec<Cell>> = pasts
        .iter()
        .map(|past| {
            let (outcome, tone) = outcome(past);
            let duration = match past.end() {
                End::NoChanges => None,
                _ => past.milliseconds().map(size::duration),
            };
            vec![
                (past.name.clone(), None),
                (or_dash(past.began().map(date)), None),
                (or_dash(past.planned("playbook").map(str::to_owned)), None),
                (outcome, Some(tone)),
                (or_dash(duration), None),
            ]
        })
        .collect();
    let header = ["RUN", "BEGAN (UTC)", "PLAYBOOK", "OUTCOME", "DURATION"];
    table(&header, &rows, Paint::new(colours)).join("\n") + "\n"
}

fn heading(past: &Past) -> String {
    let when = past
        .began()
        .map_or_else(String::new, |began| format!(": {} UTC", date(began)));
    clean_line(&format!("run {}{when}", past.name))
}

/// Of which cluster, with which playbook, and who was primary then.
fn planned(past: &Past) -> Option<String> {
    let Some(cluster) = past.planned("cluster") else {
        return past
            .plan
            .is_null()
            .then(|| "its plan cannot be read".to_owned());
    };
    let bootstrap = past.plan["bootstrap"].as_bool() == Some(true);
    let primary = match (past.planned("primary"), bootstrap) {
        (None, _) => String::new(),
        (Some(primary), true) => {
            format!(": no cluster there yet, `{primary}` was to be its primary")
        }
        (Some(primary), false) => format!(": `{primary}` was the primary"),
    };
    let playbook = past
        .planned("playbook")
        .map_or_else(String::new, |playbook| format!(" (playbook `{playbook}`)"));
    Some(clean_line(&format!(
        "cluster `{cluster}`{primary}{playbook}"
    )))
}

/// What is worth a line of an event that this version knows.
fn known(event: &Event, paint: Paint) -> Option<String> {
    match event {
        Event::Connecting { hosts } => {
            Some(clean_line(&format!("connecting to {}", hosts.join(", "))))
        }
        Event::Looked => Some("the hosts were looked at".to_owned()),
        Event::StageStarted {
            stage,
            stages,
            hosts,
        } => {
            let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
            Some(paint.paint(Tone::Heading, stage_heading(*stage, *stages, &hosts)))
        }
        Event::StepFinished {
            host,
            step,
            action,
            resource,
            subject,
            milliseconds,
            outcome,
        } => {
            let deed = deed(*action, resource, subject, paint);
            let said = match outcome {
                Outcome::Changed => String::new(),
                Outcome::Failed => format!(" … {}", paint.paint(Tone::Bad, "failed")),
                Outcome::Stale => {
                    let said = "not done: the host moved since the plan was made";
                    format!(" … {}", paint.paint(Tone::Bad, said))
                }
            };
            // Who looks for what failed wants to find it in the playbook.
            let step = match outcome {
                Outcome::Changed => String::new(),
                _ => format!(" in step `{}`", clean_line(step)),
            };
            let time = size::duration(*milliseconds);
            Some(format!(
                "  {}: {deed}{said}{step} ({time})",
                clean_line(host)
            ))
        }
        Event::StageFinished {
            stage,
            milliseconds,
        } => Some(format!(
            "stage {stage} ended ({})",
            size::duration(*milliseconds)
        )),
        Event::Undoing => Some(paint.paint(Tone::Disruptive, "undoing".to_owned())),
        Event::Stall(stall) => Some(stall.to_string()),
        // Told below the events, or of no interest afterwards.
        Event::Connected { .. }
        | Event::Exchange { .. }
        | Event::Probed { .. }
        | Event::StepStarted { .. }
        | Event::StepOutput { .. }
        | Event::Finished { .. } => None,
    }
}

/// The name and the fields of an event that this version does not know.
fn unknown(entry: &Entry) -> String {
    let name = entry.fields.get("event").and_then(Value::as_str);
    let fields = entry
        .fields
        .iter()
        .filter(|(field, _)| !matches!(field.as_str(), "event" | "time"));
    let fields = fields.map(|(field, value)| match value {
        Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=']) => {
            format!(" {field}={text}")
        }
        other => format!(" {field}={other}"),
    });
    clean_line(&format!(
        "{}{}",
        name.unwrap_or("an event without a name"),
        fields.collect::<String>()
    ))
}

fn ending(past: &Past, paint: Paint) -> Vec<String> {
    let (outcome, tone) = outcome(past);
    let end = past.end();
    let said = match end {
        End::Changed => format!("done: {outcome}"),
        End::CutOff => "the run was cut off: no end is recorded".to_owned(),
        End::UnderWay => "the run is still under way".to_owned(),
        End::NoChanges | End::Failed | End::Interrupted => outcome,
    };
    let so_far = past.changes().map_or_else(String::new, |changes| {
        let made = format!("{} of {}", past.changed(), count(changes, "change"));
        match end {
            End::CutOff => format!("; {made} had been made"),
            End::UnderWay => format!("; {made} made so far"),
            _ => String::new(),
        }
    });
    let time = match (end, past.milliseconds()) {
        (End::Changed | End::Failed | End::Interrupted, Some(milliseconds)) => {
            format!(" in {}", size::duration(milliseconds))
        }
        _ => String::new(),
    };
    let mut out = vec![paint.paint(tone, format!("{said}{so_far}{time}"))];
    for entry in past.unended() {
        let Some(Event::StepStarted {
            host,
            step,
            action,
            resource,
            subject,
        }) = entry.event()
        else {
            continue;
        };
        let at = entry.time().map(clock);
        let told = match (end, at) {
            (End::UnderWay, Some(at)) => format!("is at work since {at}"),
            (End::UnderWay, None) => "is at work".to_owned(),
            (_, Some(at)) => format!("had begun at {at}, and no end of it is recorded"),
            (_, None) => "had begun, and no end of it is recorded".to_owned(),
        };
        out.push(format!(
            "  {}: {} in step `{}` {told}",
            clean_line(&host),
            deed(action, &resource, &subject, paint),
            clean_line(&step)
        ));
    }
    if end == End::Failed && !past.entries.iter().any(is_failed_step) {
        out.push(
            "  no step failed: a connection was lost, or something was not as predicted afterwards"
                .to_owned(),
        );
    }
    if past.unreadable > 0 {
        let are = if past.unreadable == 1 { "is" } else { "are" };
        out.push(format!(
            "{} of the log {are} not whole, and left out",
            count(past.unreadable, "line")
        ));
    }
    out
}

fn is_failed_step(entry: &Entry) -> bool {
    let event = entry.event();
    matches!(event, Some(Event::StepFinished { outcome, .. }) if outcome != Outcome::Changed)
}

/// What came of a run, in a few words.
fn outcome(past: &Past) -> (String, Tone) {
    let (changed, failed, not_done) = past.finished().map_or((0, 0, 0), |finished| {
        (finished.changed, finished.failed, finished.not_done)
    });
    match past.end() {
        End::Changed => (format!("{changed} changed"), Tone::Good),
        End::NoChanges => ("no changes".to_owned(), Tone::Good),
        End::Failed => (
            format!("failed: {changed} changed, {failed} failed, {not_done} not done"),
            Tone::Bad,
        ),
        End::Interrupted => (
            format!("interrupted: {changed} changed, {not_done} not done"),
            Tone::Bad,
        ),
        End::CutOff => (format!("cut off: {} changed", past.changed()), Tone::Bad),
        End::UnderWay => ("under way".to_owned(), Tone::Changed),
    }
}

/// Milliseconds since the run began.
fn offset(entry: &Entry, began: Option<Timestamp>) -> String {
    let since = entry.time().zip(began).map(|(time, began)| {
        let milliseconds = time.as_millisecond() - began.as_millisecond();
        format!("{milliseconds:+} ms")
    });
    or_dash(since)
}

fn clock(time: Timestamp) -> String {
    time.strftime("%H:%M:%S%.3f").to_string()
}

fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
