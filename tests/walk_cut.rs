//! A walk that fails is cut down to what it takes to fail (`tests/scenarios/walk/cut.rs`).

#[path = "scenarios/walk/cut.rs"]
mod cut;

fn steps(text: &str) -> Vec<String> {
    text.split("; ").map(str::to_owned).collect()
}

const WALK: &str = "+kill node1; pgha apply; wait 4000; +isolate node2; pgha failover; wait 300; \
                    -kill node1; promote node3; wait 9000; -isolate node2";

#[test]
fn only_what_it_takes_is_left() {
    let fails = |steps: &[String]| {
        let has = |step: &str| steps.iter().any(|own| own == step);
        // A fault that begins also ends.
        assert_eq!(has("+kill node1"), has("-kill node1"), "{steps:?}");
        assert_eq!(has("+isolate node2"), has("-isolate node2"), "{steps:?}");
        let wait = steps.iter().filter_map(|step| step.strip_prefix("wait "));
        let longest = wait.map(|time| time.parse::<u64>().unwrap()).max();
        Some(has("+isolate node2") && has("pgha failover") && longest >= Some(2000))
    };
    assert_eq!(
        cut::shortest(steps(WALK), fails),
        steps("+isolate node2; pgha failover; wait 2250; -isolate node2")
    );
}

#[test]
fn nothing_goes_that_it_takes() {
    let whole = steps(WALK);
    let fails = |steps: &[String]| Some(steps == whole);
    assert_eq!(cut::shortest(whole.clone(), fails), whole);
}

#[test]
fn it_ends_where_no_more_tries_are_left() {
    let mut left = 2;
    let fails = |_: &[String]| {
        left -= 1;
        (left > 0).then_some(true)
    };
    let cut = cut::shortest(steps(WALK), fails);
    assert!(cut.len() < steps(WALK).len() && cut.len() > 1, "{cut:?}");
}
