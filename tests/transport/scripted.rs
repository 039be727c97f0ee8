//! A shell that is played.

use pgha::transport::{Reply, Shell};

use super::{bounded, exchange, given, script};

#[test]
fn replies_go_to_steps_in_order() {
    bounded(async {
        let mut shell = Shell::scripted("db1", |script| {
            assert_eq!(script.steps[0].body, "a");
            vec![
                Reply::ok("one"),
                Reply::failed(2, "no\n"),
                Reply::ok("three"),
            ]
        });
        let mut asked = script(&["a", "b", "c", "d"]);
        let steps = exchange(&mut shell, &asked).await.expect("an exchange");
        assert_eq!(steps[0], given(&["one"], &[], 0));
        assert_eq!(steps[1], given(&[], &["no"], 2));
        assert_eq!(steps[3], given(&[], &[], 0));
        asked.stop_at_failure = true;
        let steps = exchange(&mut shell, &asked).await.expect("an exchange");
        assert_eq!(steps.len(), 2);
        assert_eq!(shell.exchanges(), 2);
    });
}

#[test]
fn a_link_can_drop() {
    bounded(async {
        let mut shell = Shell::scripted("db1", |_| {
            let (out, err) = ("half\n".into(), String::new());
            vec![Reply::ok(""), Reply::Drop { out, err }]
        });
        let problem = exchange(&mut shell, &script(&["a", "b", "c"])).await;
        let problem = problem.expect_err("a problem");
        assert_eq!(problem.what, "lost the connection while step 2 was running");
        assert_eq!(problem.host.as_deref(), Some("db1"));
    });
}
