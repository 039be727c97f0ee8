//! The executor against shells that are played: what it does when hosts fail, move, or vanish.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use pgha::plan::{Action, Change, Guard, Op, Plan, Stage};
use pgha::run::compile::{FAILED_GUARD, FAILED_OP, STALE};
use pgha::run::events::Event;
use pgha::run::{Cause, Events, Fleet, Report, Undone, execute, execute_until};
use pgha::secret::Secrets;
use pgha::transport::{Reply, Shell};
use tokio::sync::Notify;

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
        undo: Vec::new(),
        decides: false,
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
        deadline: None,
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

/// A change that `un-STEP` takes back.
fn reversible(host: &str, step: &str) -> Change {
    Change {
        undo: vec![Op::RemoveFile {
            path: format!("/un-{step}"),
        }],
        ..change(host, step)
    }
}

fn stage(changes: impl IntoIterator<Item = Change>) -> Stage {
    let mut stage = Stage::default();
    for change in changes {
        let of_host = stage.hosts.entry(change.host.clone()).or_default();
        of_host.push(change);
    }
    stage
}

/// The stages of a handover, in short; the sixth decides.
fn handover() -> Plan {
    let promote = Change {
        decides: true,
        ..reversible("node2", "promote")
    };
    Plan {
        stages: vec![
            stage([
                reversible("node2", "slots"),
                reversible("node1", "upstream"),
                reversible("node1", "settings"),
                change("node1", "checkpoint"),
            ]),
            stage(["node1", "node2", "pooler"].map(|host| change(host, "arm"))),
            stage([reversible("pooler", "pause")]),
            stage([reversible("node1", "stop")]),
            stage([reversible("node1", "sign-off")]),
            stage([promote]),
            stage([change("pooler", "lead")]),
            stage([change("node2", "record"), change("node1", "follow")]),
        ],
        always: vec![stage(
            ["pooler", "node1", "node2"].map(|host| change(host, "disarm")),
        )],
        ..Plan::default()
    }
}

/// What the whole of it runs, up to the decision.
const UP_TO_THE_DECISION: [&str; 11] = [
    "node2 slots",
    "node1 upstream",
    "node1 settings",
    "node1 checkpoint",
    "node1 arm",
    "node2 arm",
    "pooler arm",
    "pooler pause",
    "node1 stop",
    "node1 sign-off",
    "node2 promote",
];
const AFTER_IT: [&str; 3] = ["pooler lead", "node2 record", "node1 follow"];
const ALWAYS: [&str; 3] = ["pooler disarm", "node1 disarm", "node2 disarm"];

/// A run of a handover.
struct Acted {
    report: Report,
    /// `HOST STEP` of all that was begun on the hosts, in order.
    begun: Vec<String>,
    undoings: usize,
    scripts: String,
}

impl Acted {
    /// Runs the plan; a step (`HOST STEP`) is answered as told, or succeeds. The run is interrupted while the step
    /// `interrupt` is at work; that is noticed in the stage after it.
    async fn run(plan: &Plan, answers: &[(&str, Reply)], interrupt: Option<&'static str>) -> Self {
        let begun = Arc::new(Mutex::new(Vec::new()));
        let scripts = Arc::new(Mutex::new(String::new()));
        let stop = Arc::new(Notify::new());
        let answers: BTreeMap<String, Reply> = answers
            .iter()
            .map(|(step, reply)| ((*step).to_owned(), reply.clone()))
            .collect();
        let actor = |host: &'static str| {
            let (begun, scripts) = (begun.clone(), scripts.clone());
            let (stop, answers) = (stop.clone(), answers.clone());
            let shell = Shell::scripted(host, move |script| {
                let mut replies = vec![Reply::ok("")];
                for step in &script.steps[1..] {
                    scripts.lock().unwrap().push_str(&step.body);
                    let (_, path) = step.body.rsplit_once(" /").unwrap();
                    let name = format!("{host} {}", path.split_whitespace().next().unwrap());
                    if interrupt == Some(name.as_str()) {
                        stop.notify_one();
                    }
                    let reply = answers.get(&name).cloned().unwrap_or(Reply::ok(""));
                    begun.lock().unwrap().push(name);
                    replies.push(reply.clone());
                    if !matches!(reply, Reply::Step { code: 0, .. }) {
                        break;
                    }
                }
                replies
            });
            (host.to_owned(), shell)
        };
        let mut fleet = Fleet::of(["node1", "node2", "pooler"].map(actor).into());
        let events = Events::default();
        let undoings = Arc::new(Mutex::new(0));
        let counter = undoings.clone();
        events
            .listen(move |event| *counter.lock().unwrap() += usize::from(*event == Event::Undoing));
        let secrets = Secrets::default();
        let report = execute_until(plan, &mut fleet, &secrets, &events, stop.notified()).await;
        let (begun, scripts) = (
            begun.lock().unwrap().clone(),
            scripts.lock().unwrap().clone(),
        );
        let undoings = *undoings.lock().unwrap();
        Self {
            report,
            begun,
            undoings,
            scripts,
        }
    }

    /// What was begun after a step, for the first time.
    fn after(&self, step: &str) -> Vec<&str> {
        let mut begun = self.begun.iter().map(String::as_str);
        begun.find(|other| *other == step).expect("it was begun");
        begun.collect()
    }

    fn not_done(&self) -> Vec<String> {
        let changes = self.report.not_done.iter();
        changes
            .map(|change| format!("{} {}", change.host, change.step))
            .collect()
    }

    fn failed(&self) -> Vec<String> {
        let failures = self.report.failures.iter();
        failures
            .map(|failure| {
                let step = failure.change.as_ref().map(|change| change.step.as_str());
                format!("{} {}", failure.host, step.unwrap_or("-"))
            })
            .collect()
    }

    fn changed(&self) -> usize {
        self.report.changed
    }
}

fn failing() -> Reply {
    Reply::failed(1, "no")
}

fn dropping() -> Reply {
    Reply::Drop {
        out: String::new(),
        err: String::new(),
    }
}

#[tokio::test]
async fn a_handover_runs_to_its_end_and_then_what_is_always_run() {
    let acted = Acted::run(&handover(), &[], None).await;
    let all = [&UP_TO_THE_DECISION[..], &AFTER_IT, &ALWAYS].concat();
    assert_eq!(acted.begun, all);
    assert_eq!(acted.changed(), all.len());
    assert_eq!(acted.report.undone, None);
    assert_eq!(acted.undoings, 0);
    assert!(acted.failed().is_empty() && acted.not_done().is_empty());
}

#[tokio::test]
async fn what_fails_before_the_decision_is_undone_the_last_first() {
    let acted = Acted::run(&handover(), &[("node1 sign-off", failing())], None).await;
    let back = [
        "node1 un-sign-off",
        "node1 un-stop",
        "pooler un-pause",
        "node2 un-slots",
        "node1 un-settings",
        "node1 un-upstream",
    ];
    assert_eq!(acted.after("node1 sign-off"), [&back[..], &ALWAYS].concat());
    assert_eq!(acted.report.undone, Some(Undone::Whole));
    assert_eq!(acted.undoings, 1);
    assert_eq!(acted.failed(), ["node1 sign-off"]);
    assert_eq!(
        acted.not_done(),
        [&["node1 sign-off", "node2 promote"][..], &AFTER_IT].concat()
    );
}

#[tokio::test]
async fn what_was_not_begun_is_not_undone() {
    let acted = Acted::run(&handover(), &[("node1 settings", failing())], None).await;
    let back = ["node2 un-slots", "node1 un-settings", "node1 un-upstream"];
    assert_eq!(acted.after("node1 settings"), [&back[..], &ALWAYS].concat());
    assert_eq!(acted.report.undone, Some(Undone::Whole));
}

#[tokio::test]
async fn undoing_looks_at_no_guard() {
    let acted = Acted::run(&handover(), &[("node1 settings", failing())], None).await;
    let (_, back) = acted.scripts.split_once("/un-").unwrap();
    let (back, _) = back.split_once("/disarm").unwrap();
    assert!(
        !back.contains(" /slots") && !back.contains(" /settings"),
        "{back}"
    );
}

#[tokio::test]
async fn a_decision_that_fails_is_undone() {
    let acted = Acted::run(&handover(), &[("node2 promote", failing())], None).await;
    assert_eq!(
        acted.after("node2 promote")[..2],
        ["node2 un-promote", "node1 un-sign-off"]
    );
    assert_eq!(acted.report.undone, Some(Undone::Whole));
}

#[tokio::test]
async fn a_way_back_that_fails_ends_there_and_the_hosts_are_left_to_their_timers() {
    let answers = [("node1 sign-off", failing()), ("node1 un-stop", failing())];
    let acted = Acted::run(&handover(), &answers, None).await;
    assert_eq!(
        acted.after("node1 sign-off"),
        ["node1 un-sign-off", "node1 un-stop"]
    );
    assert_eq!(acted.report.undone, Some(Undone::InPart));
    assert_eq!(acted.failed(), ["node1 sign-off", "node1 stop"]);
    assert!(acted.not_done().ends_with(&ALWAYS.map(str::to_owned)));
}

#[tokio::test]
async fn a_way_back_that_fails_on_one_host_is_finished_on_the_others_of_its_stage() {
    let answers = [("pooler arm", failing()), ("node2 un-slots", failing())];
    let acted = Acted::run(&handover(), &answers, None).await;
    let back = ["node2 un-slots", "node1 un-settings", "node1 un-upstream"];
    assert_eq!(acted.after("pooler arm"), back);
    assert_eq!(acted.report.undone, Some(Undone::InPart));
}

#[tokio::test]
async fn a_failure_after_the_decision_does_not_stop_the_others() {
    let acted = Acted::run(&handover(), &[("pooler lead", failing())], None).await;
    let rest = [
        "node2 record",
        "node1 follow",
        "node1 disarm",
        "node2 disarm",
    ];
    assert_eq!(acted.after("pooler lead"), rest);
    assert_eq!(acted.report.undone, None);
    assert_eq!(acted.failed(), ["pooler lead"]);
    assert_eq!(acted.not_done(), ["pooler lead", "pooler disarm"]);
}

#[tokio::test]
async fn what_fails_beside_the_decision_once_it_was_made_undoes_nothing() {
    let mut plan = handover();
    let late = change("node1", "late");
    plan.stages[5].hosts.insert("node1".to_owned(), vec![late]);
    let acted = Acted::run(&plan, &[("node1 late", failing())], None).await;
    assert_eq!(acted.report.undone, None);
    assert_eq!(
        acted.after("node1 late"),
        [
            "pooler lead",
            "node2 record",
            "pooler disarm",
            "node2 disarm"
        ]
    );
}

#[tokio::test]
async fn a_deadline_that_passes_is_a_failure_of_that_host() {
    let mut plan = handover();
    plan.stages[2].deadline = Some(1);
    let acted = Acted::run(&plan, &[("pooler pause", Reply::Hang)], None).await;
    let Cause::Lost(problem) = &acted.report.failures[0].cause else {
        panic!("it is not known what became of it");
    };
    assert_eq!(problem.what, "no answer within 1 s");
    // Its shell is of no use any more: whether clients wait there is for its timer to end.
    assert_eq!(acted.failed(), ["pooler pause", "pooler -"]);
    assert_eq!(acted.report.undone, Some(Undone::InPart));
    assert!(acted.after("pooler pause").is_empty());
}

#[tokio::test]
async fn a_host_that_has_nothing_to_take_back_is_not_needed_for_the_way_back() {
    let mut plan = handover();
    plan.stages[1].deadline = Some(1);
    for answer in [Reply::Hang, dropping()] {
        let acted = Acted::run(&plan, &[("pooler arm", answer)], None).await;
        let rest = [
            "node2 un-slots",
            "node1 un-settings",
            "node1 un-upstream",
            "node1 disarm",
            "node2 disarm",
        ];
        assert_eq!(acted.after("pooler arm"), rest);
        assert_eq!(acted.report.undone, Some(Undone::Whole));
        // Its own timer is still to be ended there.
        assert_eq!(acted.failed(), ["pooler arm", "pooler -"]);
        assert!(acted.not_done().contains(&"pooler disarm".to_owned()));
    }
}

#[tokio::test]
async fn a_deadline_that_passes_after_the_decision_does_not_stop_the_others() {
    let mut plan = handover();
    plan.stages[6].deadline = Some(1);
    let acted = Acted::run(&plan, &[("pooler lead", Reply::Hang)], None).await;
    assert_eq!(
        acted.after("pooler lead"),
        [
            "node2 record",
            "node1 follow",
            "node1 disarm",
            "node2 disarm"
        ]
    );
    assert_eq!(acted.failed(), ["pooler lead"]);
}

#[tokio::test]
async fn a_host_that_is_lost_before_the_decision_takes_nothing_back() {
    let acted = Acted::run(&handover(), &[("node1 stop", dropping())], None).await;
    assert!(acted.after("node1 stop").is_empty());
    assert_eq!(acted.report.undone, Some(Undone::InPart));
    assert_eq!(acted.failed(), ["node1 stop", "node1 -"]);
}

#[tokio::test]
async fn a_host_that_is_lost_after_the_decision_does_not_stop_the_others() {
    let acted = Acted::run(&handover(), &[("node2 record", dropping())], None).await;
    assert_eq!(
        acted.after("node2 record"),
        ["node1 follow", "pooler disarm", "node1 disarm"]
    );
    assert_eq!(acted.report.undone, None);
}

#[tokio::test]
async fn an_interrupt_before_the_decision_undoes() {
    let acted = Acted::run(&handover(), &[], Some("pooler pause")).await;
    // The stage that is under way comes to its end first: only what has ended can be undone.
    let back = [
        "node1 stop",
        "node1 un-stop",
        "pooler un-pause",
        "node2 un-slots",
        "node1 un-settings",
        "node1 un-upstream",
    ];
    assert_eq!(acted.after("pooler pause"), [&back[..], &ALWAYS].concat());
    assert!(acted.report.interrupted);
    assert_eq!(acted.report.undone, Some(Undone::Whole));
    assert!(acted.report.at_work.is_empty());
}

#[tokio::test]
async fn an_interrupt_while_it_is_decided_comes_too_late() {
    let acted = Acted::run(&handover(), &[], Some("node1 sign-off")).await;
    assert_eq!(
        acted.after("node2 promote"),
        [&AFTER_IT[..], &ALWAYS].concat()
    );
    assert!(!acted.report.interrupted);
    assert_eq!(acted.report.undone, None);
}

#[tokio::test]
async fn an_interrupt_while_the_decision_fails_undoes() {
    let acted = Acted::run(
        &handover(),
        &[("node2 promote", failing())],
        Some("node1 sign-off"),
    )
    .await;
    assert_eq!(acted.after("node2 promote")[0], "node2 un-promote");
    assert!(acted.report.interrupted);
    assert_eq!(acted.report.undone, Some(Undone::Whole));
}

#[tokio::test]
async fn after_the_decision_an_interrupt_changes_nothing() {
    for step in ["node2 promote", "pooler lead", "node1 follow"] {
        let acted = Acted::run(&handover(), &[], Some(step)).await;
        assert_eq!(
            acted.begun,
            [&UP_TO_THE_DECISION[..], &AFTER_IT, &ALWAYS].concat()
        );
        assert!(!acted.report.interrupted);
    }
}

#[tokio::test]
async fn without_a_decision_nothing_is_undone_but_what_is_always_run_is() {
    let mut plan = handover();
    plan.stages[5].hosts["node2"][0].decides = false;
    // Also on the host that failed, as long as it answers: a restart that failed leaves nothing paused there.
    let acted = Acted::run(&plan, &[("node1 stop", failing())], None).await;
    assert_eq!(acted.after("node1 stop"), ALWAYS);
    assert_eq!((acted.report.undone, acted.undoings), (None, 0));
    let acted = Acted::run(&plan, &[("node1 stop", dropping())], None).await;
    assert_eq!(acted.after("node1 stop"), ["pooler disarm", "node2 disarm"]);
}

#[tokio::test]
async fn without_a_decision_an_interrupt_ends_it_all() {
    let mut plan = handover();
    plan.stages[5].hosts["node2"][0].decides = false;
    let acted = Acted::run(&plan, &[], Some("pooler pause")).await;
    assert!(acted.after("pooler pause").is_empty());
    assert!(acted.report.interrupted && acted.failed().is_empty());
    assert!(acted.not_done().ends_with(&ALWAYS.map(str::to_owned)));
}

/// A handover whose candidate is told what the old primary said.
fn with_a_note() -> Plan {
    let mut plan = handover();
    let received = Change {
        ops: vec![Op::Run {
            argv: [
                "received",
                &pgha::plan::noted("end_of_wal of node1"),
                "/received",
            ]
            .map(str::to_owned)
            .into(),
            user: "root".to_owned(),
            stdin: None,
            environment: Vec::new(),
        }],
        ..change("node2", "received")
    };
    plan.stages.insert(4, stage([received]));
    plan
}

#[tokio::test]
async fn what_a_step_tells_is_known_to_the_step_that_names_it() {
    let told = [(
        "node1 stop",
        Reply::ok("stopping\npgha-note end_of_wal 0/5000060\n"),
    )];
    let acted = Acted::run(&with_a_note(), &told, None).await;
    assert!(acted.failed().is_empty(), "{:?}", acted.failed());
    assert!(acted.scripts.contains("received 0/5000060 /received"));
}

#[tokio::test]
async fn what_no_step_told_is_a_failure_and_is_undone() {
    let acted = Acted::run(&with_a_note(), &[], None).await;
    assert_eq!(acted.after("node1 stop")[0], "node1 un-stop");
    assert_eq!(acted.report.undone, Some(Undone::Whole));
    let Cause::Lost(problem) = &acted.report.failures[0].cause else {
        panic!("nothing was run");
    };
    assert_eq!(
        problem.what,
        "no step before this one told `end_of_wal of node1`"
    );
}

/// A host that lies: what it says of steps that nobody asked it for, or of too much.
#[tokio::test]
async fn a_host_that_lies_is_a_failure_that_names_it() {
    fn marker(text: &str) -> Reply {
        Reply::Marker(text.to_owned())
    }
    let replies = || {
        [
            vec![marker("begin 999")],
            vec![marker("begin 4294967295")],
            vec![marker("begin 2"), marker("end 2 0")],
            vec![Reply::ok(""), marker("begin 1"), marker("end 1 0")],
            vec![marker("final 1 0")],
            vec![Reply::ok(""), marker("final 1 0")],
            vec![Reply::ok("x".repeat(65 << 20))],
            vec![Reply::ok("\n".repeat(3 << 20))],
        ]
    };
    for index in 0..replies().len() {
        let played = Played::run(move || replies()[index].clone()).await;
        let [failure] = &played.report.failures[..] else {
            panic!("one host failed: {index}");
        };
        assert_eq!(failure.host, "node1");
        let Cause::Lost(problem) = &failure.cause else {
            panic!("it is not known what it did: {index}");
        };
        assert_eq!(problem.host.as_deref(), Some("node1"), "{index}");
        assert!(problem.what.contains("answer"), "{index}: {problem}");
        // The other host goes on with the stage, and the next one does not begin.
        assert!(played.not_done().contains(&"node2 c".to_owned()), "{index}");
    }
}

/// What one host says of the end of WAL counts only where it is that host's to say, and where it is a position.
#[tokio::test]
async fn a_note_that_is_none_is_a_failure_and_is_undone() {
    let told = [
        ("node2 slots", "0/5000060"),
        ("node1 stop", "0/0"),
        ("node1 stop", "0/1'; select 1"),
        ("node1 stop", "\\! id"),
    ];
    for (step, value) in told {
        let says = [(step, Reply::ok(format!("pgha-note end_of_wal {value}\n")))];
        let acted = Acted::run(&with_a_note(), &says, None).await;
        assert_eq!(acted.report.undone, Some(Undone::Whole), "{step} {value}");
        assert!(!acted.scripts.contains(value), "{step} {value}");
    }
}
