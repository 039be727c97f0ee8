use pgha::plan::{Action, Before, Plan, Shown};
use pgha::render::plan::{PlanOptions, text};
use pgha::secret::{Form, marker};

use crate::plans::{change, everything, field, file, run, stage, transaction, value, write};

const FULL: PlanOptions = PlanOptions {
    diff: true,
    full: false,
    verbose: true,
    colours: false,
    width: 100,
};
const USUAL: PlanOptions = PlanOptions {
    verbose: false,
    ..FULL
};

#[test]
fn everything_in_full() {
    insta::assert_snapshot!(text(&everything(), 4, FULL));
}

#[test]
fn guards_and_contents_are_left_out_when_not_wanted() {
    let brief = PlanOptions {
        diff: false,
        full: false,
        width: 60,
        ..USUAL
    };
    let shown = text(&everything(), 3, brief);
    assert!(!shown.contains("only if"), "{shown}");
    assert!(!shown.contains("+++"), "{shown}");
    assert!(shown.contains("content: +1 -1 lines\n"), "{shown}");
    assert!(shown.contains("on 3 hosts in 3 stages"), "{shown}");
}

/// A plan of one stage; each host with the packages it gets, a letter each.
fn packages(hosts: &[(&str, &str)]) -> Plan {
    let changes = hosts.iter().flat_map(|(host, letters)| {
        letters
            .chars()
            .map(|c| change(host, Action::Create, "package", &c.to_string(), "install"))
    });
    Plan {
        stages: vec![stage(changes.collect())],
        ..Plan::default()
    }
}

#[test]
fn hosts_with_the_same_change_are_shown_together_in_each_hosts_order() {
    let plan = packages(&[("node1", "acz"), ("node2", "abcy"), ("node3", "cyx")]);
    insta::assert_snapshot!(text(&plan, 3, USUAL));
}

#[test]
fn no_order_of_changes_leaves_one_out() {
    let plan = packages(&[("node1", "abab"), ("node2", "baa"), ("node3", "bba")]);
    insta::assert_snapshot!(text(&plan, 3, USUAL));
}

#[test]
fn what_can_be_taken_back_what_decides_and_what_is_always_done() {
    insta::assert_snapshot!(text(&transaction(), 4, USUAL));
}

#[test]
fn a_note_is_shown_though_nothing_changes() {
    let plan = Plan {
        warnings: transaction().warnings,
        ..Plan::default()
    };
    let shown = text(&plan, 3, USUAL);
    assert!(shown.starts_with("note:\n  node1: 2 sessions"), "{shown}");
    assert!(shown.ends_with("plan: no changes; 1 note\n"), "{shown}");
}

#[test]
fn no_changes() {
    let mut plan = Plan::default();
    assert_eq!(
        text(&plan, 4, USUAL),
        "plan: no changes: 4 hosts are as declared\n"
    );
    assert_eq!(
        text(&plan, 1, USUAL),
        "plan: no changes: 1 host is as declared\n"
    );
    plan.held = everything().held;
    insta::assert_snapshot!(text(&plan, 4, USUAL));
}

#[test]
fn colour_adds_nothing_but_colour() {
    let coloured = text(
        &everything(),
        4,
        PlanOptions {
            colours: true,
            ..FULL
        },
    );
    let plain = text(&everything(), 4, FULL);
    assert_ne!(coloured, plain);
    assert_eq!(console::strip_ansi_codes(&coloured), plain);
}

#[test]
fn nothing_in_a_plan_steers_the_terminal() {
    let evil = "a\u{1b}[2Jb\r\u{202e}c";
    let mut bad = file(evil, evil, Before::Content(evil.into()), evil);
    bad.step = evil.into();
    bad.ops.push(run(&[evil], evil));
    bad.ops.push(write("/other", evil));
    bad.fields
        .push(field(evil, value(evil), Shown::Unknown(evil.into())));
    let plan = Plan {
        stages: vec![stage(vec![bad])],
        ..Plan::default()
    };
    let shown = text(&plan, 1, FULL);
    assert!(!shown.contains(['\u{1b}', '\r', '\u{202e}']), "{shown:?}");
}

#[test]
fn a_secret_is_shown_by_name_wherever_it_stands() {
    let secret = marker("app", Form::Plain);
    let mut change = file("n", "/f", Before::Absent, &secret);
    change
        .fields
        .push(field("dsn", Shown::Absent, value(&secret)));
    change.ops.push(run(&["curl", &secret], "root"));
    let plan = Plan {
        stages: vec![stage(vec![change])],
        ..Plan::default()
    };
    let shown = text(&plan, 1, FULL);
    assert_eq!(shown.matches("<secret app>").count(), 3, "{shown}");
    assert!(!shown.contains('\u{FDD0}'), "{shown}");
}
