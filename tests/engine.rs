//! The executor against shells that are played: what it does when hosts fail, move, or vanish.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use pgha::plan::{Action, Change, Guard, Op, Plan, Stage};
use pgha::run::compile::{FAILED_GUARD, FAILED_OP, STALE};
use pgha::run::events::Event;
use pgha::run::{Cause, Events, Fleet, Report, execute};
use pgha::secret::Secrets;
use pgha::transport::{Reply, Shell};

fn change(host: &str, step: &str) -> Change {
    Change {
        host: host.to_owned(),
        step: step.to_owned(),
        resource: "file".to_owned(),
        subject: format!("/{step}"),
        action: Action::Create,
        fields: Vec::new(),
        diff: None,
        guards: vec![Guard::PathAbsent {
            path: format!("/{step}"),
        }],
        ops: vec![Op::RemoveFile {
            path: format!("/{step}"),
        }],
        after: Vec::new(),
    }
}

/// Two hosts; `a` and `b` in the first stage, `c` in the second.
fn plan() -> Plan {
    let stage = |changes: &[(&str, &[&str])]| Stage {
        hosts: changes
            .iter()
            .map(|(host, steps)| {
                let changes = steps.iter().map(|step| change(host, step)).collect();
                ((*host).to_owned(), changes)
            })
            .collect::<IndexMap<_, _>>(),
    };
    Plan {
        stages: vec![
            stage(&[("node1", &["a", "b"]), ("node2", &["a", "b"])]),
            stage(&[("node2", &["c"])]),
        ],
        ..Plan::default()
    }
}

struct Played {
    report: Report,
    events: Vec<Event>,
}

impl Played {
    /// Runs the plan; `node1` answers its scripts with `replies`, `node2` does as it is told.
    async fn run(replies: impl FnMut() -> Vec<Reply> + Send + 'static) -> Self {
        let mut replies = replies;
        // The first step of every script takes the lock.
        let mut fleet = Fleet::of(BTreeMap::from([
            (
                "node1".to_owned(),
                Shell::scripted("node1", move |_| [vec![Reply::ok("")], replies()].concat()),
            ),
            ("node2".to_owned(), Shell::scripted("node2", |_| Vec::new())),
        ]));
        let events = Events::default();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = heard.clone();
        events.listen(move |event| listener.lock().unwrap().push(event.clone()));
        let report = execute(&plan(), &mut fleet, &Secrets::default(), &events).await;
        let events = heard.lock().unwrap().clone();
        Self { report, events }
    }

    fn not_done(&self) -> Vec<String> {
        let changes = self.report.not_done.iter();
        changes
            .map(|change| format!("{} {}", change.host, change.step))
            .collect()
    }

    fn exchanges(&self, host: &str) -> usize {
        let is_exchange =
            |event: &&Event| matches!(event, Event::Exchange { host: on, .. } if on == host);
        self.events.iter().filter(is_exchange).count()
    }
}

#[tokio::test]
async fn a_stage_is_one_exchange_per_host() {
    let played = Played::run(Vec::new).await;
    assert_eq!(played.report.changed, 5);
    assert!(played.report.failures.is_empty());
    assert_eq!(played.exchanges("node1"), 1);
    assert_eq!(played.exchanges("node2"), 2);
}

#[tokio::test]
async fn when_a_host_fails_the_others_finish_the_stage_and_the_next_does_not_start() {
    let played =
        Played::run(|| vec![Reply::failed(4, format!("no such thing\n{FAILED_OP}0\n"))]).await;
    assert_eq!(played.report.changed, 2);
    assert_eq!(played.not_done(), ["node1 a", "node1 b", "node2 c"]);
    let [failure] = &played.report.failures[..] else {
        panic!("one host failed");
    };
    let Cause::Failed {
        operation,
        code,
        err,
        ..
    } = &failure.cause
    else {
        panic!("it failed");
    };
    assert_eq!((*operation, *code), (Some(0), 4));
    assert_eq!(err[..], ["no such thing"]);
}

#[tokio::test]
async fn a_host_that_moved_is_left_as_it_is() {
    let played = Played::run(|| {
        vec![
            Reply::ok(""),
            Reply::failed(STALE, format!("{FAILED_GUARD}0\n")),
        ]
    })
    .await;
    assert_eq!(played.not_done(), ["node1 b", "node2 c"]);
    assert!(matches!(
        played.report.failures[0].cause,
        Cause::Stale { guard: 0 }
    ));
}

#[tokio::test]
async fn a_connection_that_breaks_names_the_change_that_was_at_work() {
    let played = Played::run(|| {
        vec![
            Reply::ok(""),
            Reply::Drop {
                out: String::new(),
                err: String::new(),
            },
        ]
    })
    .await;
    assert_eq!(played.not_done(), ["node1 b", "node2 c"]);
    let failure = &played.report.failures[0];
    assert!(matches!(failure.cause, Cause::Lost(_)));
    assert_eq!(
        failure.change.as_ref().map(|change| change.step.as_str()),
        Some("b")
    );
}
