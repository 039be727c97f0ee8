use pgha::render::log::{list, text};
use pgha::run::history::Past;

const PLAN: &str = r#"{"cluster":"main","playbook":"site.yml","primary":"node1","bootstrap":false,"stages":[{"hosts":{"node1":[{}],"node2":[{},{}]}}],"held":[]}"#;

/// An event of a run at two in the morning.
fn at(time: &str, fields: &str) -> String {
    format!("{{\"time\":\"2025-03-01T02:{time}Z\",{fields}}}\n")
}

fn started(time: &str, host: &str) -> String {
    at(
        time,
        &format!(
            r#""event":"step_started","host":"{host}","step":"it is a copy","action":"create","resource":"standby_clone","subject":"data directory""#
        ),
    )
}

fn finished(time: &str, host: &str, outcome: &str) -> String {
    at(
        time,
        &format!(
            r#""event":"step_finished","host":"{host}","step":"it is a copy","action":"create","resource":"standby_clone","subject":"data directory","milliseconds":62500,"outcome":"{outcome}""#
        ),
    )
}

/// Up to the middle of a stage.
fn beginning() -> String {
    [
        at(
            "00:00.000",
            r#""event":"connecting","hosts":["node1","node2"]"#,
        ),
        at("00:00.200", r#""event":"connected","host":"node1""#),
        at(
            "00:00.250",
            r#""event":"exchange","host":"node1","purpose":"probe""#,
        ),
        at("00:00.400", r#""event":"probed","host":"node1""#),
        at("00:00.410", r#""event":"looked""#),
        at(
            "00:00.500",
            r#""event":"stage_started","stage":1,"stages":1,"hosts":["node1","node2"]"#,
        ),
        started("00:00.600", "node1"),
        started("00:00.610", "node2"),
        finished("01:03.110", "node1", "changed"),
    ]
    .concat()
}

fn end(changed: usize, failed: usize, not_done: usize) -> String {
    at(
        "01:10.000",
        &format!(
            r#""event":"finished","changed":{changed},"failed":{failed},"not_done":{not_done},"milliseconds":70500"#
        ),
    )
}

fn past(events: &str) -> Past {
    Past::parse("20250301T020000.450Z", PLAN.as_bytes(), events.as_bytes())
}

/// The text without colours; with them it is the same.
fn shown(past: &Past) -> String {
    let plain = text(past, false);
    assert_eq!(console::strip_ansi_codes(&text(past, true)), plain);
    plain
}

fn whole() -> Past {
    let rest = [
        finished("01:03.120", "node2", "changed"),
        at(
            "01:03.200",
            r#""event":"stage_finished","stage":1,"milliseconds":62700"#,
        ),
        at(
            "01:03.300",
            r#""event":"exchange","host":"node1","purpose":"verify""#,
        ),
        at(
            "01:03.300",
            r#""event":"exchange","host":"node2","purpose":"verify""#,
        ),
        at("01:09.900", r#""event":"looked""#),
        end(2, 0, 0),
    ];
    past(&(beginning() + &rest.concat()))
}

fn failed() -> Past {
    let rest = [
        finished("01:03.120", "node2", "failed"),
        at(
            "01:03.200",
            r#""event":"stage_finished","stage":1,"milliseconds":62700"#,
        ),
        end(1, 1, 2),
    ];
    past(&(beginning() + &rest.concat()))
}

/// Killed while it wrote.
fn killed() -> Past {
    past(&(beginning() + &finished("01:03.120", "node2", "changed")[..80]))
}

#[test]
fn a_run_that_was_all_done() {
    insta::assert_snapshot!(shown(&whole()));
}

#[test]
fn a_run_that_failed() {
    insta::assert_snapshot!(shown(&failed()));
}

#[test]
fn a_run_that_was_cut_off() {
    insta::assert_snapshot!(shown(&killed()));
}

#[test]
fn events_of_other_versions_and_text_that_would_steer_a_terminal() {
    let events = [
        at("00:00.000", r#""event":"connecting","hosts":["node1"]"#),
        at(
            "00:01.000",
            r#""event":"primary_fenced","host":"node1","timeline":4,"sessions":[1,2],"why":"asked for \u001b[2J","lag":null"#,
        ),
        "{\"event\":\"looked\"}\n{\"no\":\"name\"}\n".to_owned(),
        "half\n".to_owned(),
        end(1, 0, 3),
    ];
    insta::assert_snapshot!(shown(&past(&events.concat())));
}

#[test]
fn a_run_of_which_nothing_can_be_read() {
    let nothing = Past::parse("20250301T020000.450Z", b"", b"");
    insta::assert_snapshot!(shown(&nothing), @r"
    run 20250301T020000.450Z
    its plan cannot be read

    the run was cut off: no end is recorded
    ");
}

#[test]
fn a_run_that_still_goes_on_and_one_of_which_no_step_failed() {
    let mut under_way = past(&beginning());
    under_way.under_way = true;
    let ending = |past: &Past| {
        let shown = shown(past);
        let (_, ending) = shown.rsplit_once("\n\n").unwrap();
        ending.to_owned()
    };
    insta::assert_snapshot!(ending(&under_way), @r"
    the run is still under way; 1 of 3 changes made so far
      node2: + create standby_clone data directory in step `it is a copy` is at work since 02:00:00.610
    ");
    let rest = finished("01:03.120", "node2", "changed") + &end(2, 1, 0);
    insta::assert_snapshot!(ending(&past(&(beginning() + &rest))), @r"
    failed: 2 changed, 1 failed, 0 not done in 1 min 10 s
      no step failed: a connection was lost, or something was not as predicted afterwards
    ");
}

#[test]
fn all_runs() {
    let looked = at("00:00.000", r#""event":"connecting","hosts":["node1"]"#);
    let nothing = Past::parse(
        "20250301T020000.450Z",
        br#"{"stages":[]}"#,
        looked.as_bytes(),
    );
    let mut under_way = past(&beginning());
    under_way.under_way = true;
    let interrupted = past(&(beginning() + &end(1, 0, 2)));
    let pasts = [whole(), failed(), interrupted, killed(), nothing, under_way];
    insta::assert_snapshot!(list(&pasts, false));
}
