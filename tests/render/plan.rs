use pgha::plan::{Action, Before, Plan, Shown};
use pgha::render::plan::{Diff, PlanOptions, text};
use pgha::secret::{Form, marker};

use crate::plans::{change, everything, field, file, run, stage, transaction, value, write};

const FULL: PlanOptions = PlanOptions {
    diff: Diff::Full,
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
        diff: Diff::Nothing,
        width: 60,
        ..USUAL
    };
    let shown = text(&everything(), 3, brief);
    assert!(!shown.contains("only if"), "{shown}");
    assert!(!shown.contains("+++"), "{shown}");
    assert!(shown.contains("content: +1 -1 lines\n"), "{shown}");
    assert!(shown.contains("on 3 hosts in 3 stages"), "{shown}");
}

/// Programs that pgha ships: a new one, one that replaces what somebody wrote, one that an earlier change writes, one that
/// cannot be compared; and the same file, changed by the user.
fn programs() -> Plan {
    let text = "#!/bin/sh\n# Guards.\nset -eu\nexit 0\n";
    let old = text.replace("exit 0", "exit 1");
    let befores = [
        ("/lib/new", Before::Absent),
        ("/lib/edited", Before::Content(old)),
        ("/lib/written-before", Before::NotYet),
        ("/lib/hidden", Before::Hidden),
    ];
    let mut changes: Vec<_> = befores
        .into_iter()
        .map(|(path, before)| file("node1", path, before, text))
        .collect();
    for change in &mut changes {
        change.diff.as_mut().unwrap().shipped = Some("start-guard.sh".into());
    }
    let own = text.replace("Guards", "Guards more");
    changes.push(file("node1", "/lib/own", Before::Absent, &own));
    Plan {
        stages: vec![stage(changes)],
        ..Plan::default()
    }
}

#[test]
fn a_program_that_pgha_ships_is_one_line_unless_all_is_asked_for() {
    let short = PlanOptions {
        diff: Diff::Short,
        ..USUAL
    };
    insta::assert_snapshot!(text(&programs(), 4, short));
    let full = text(&programs(), 4, USUAL);
    for (number, line) in [(5, "+exit 0"), (1, "-exit 1"), (0, "pgha's own")] {
        let found = full.lines().filter(|found| found.trim() == line).count();
        assert_eq!(found, number, "{line}\n{full}");
    }
    let nothing = PlanOptions {
        diff: Diff::Nothing,
        ..USUAL
    };
    let brief = text(&programs(), 4, nothing);
    assert_eq!(brief.matches("pgha's own ").count(), 4, "{brief}");
    assert!(!brief.contains("+# Guards more"), "{brief}");
}

#[test]
fn a_kept_plan_shows_the_same() {
    let kept = serde_json::to_string(&programs()).unwrap();
    let read: Plan = serde_json::from_str(&kept).unwrap();
    assert_eq!(read, programs());
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
