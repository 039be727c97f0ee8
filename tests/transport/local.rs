//! The protocol against the real `/bin/sh` of this machine.

use std::time::Instant;

use pgha::shell::PRELUDE;
use pgha::transport::{Frame, Script, Shell};

use super::{bounded, exchange, given, run, script};

async fn shell() -> Shell {
    Shell::local("here", None).await.expect("a shell")
}

#[test]
fn exit_codes_and_streams_are_told_apart() {
    bounded(async {
        let mut shell = shell().await;
        let bodies = [
            "echo out; echo err >&2; exit 3",
            "no-such-command-here 2>/dev/null",
            "exit 255",
            "kill -TERM $(exec sh -c 'echo $PPID')",
            "true",
        ];
        let steps = run(&mut shell, &bodies).await;
        assert_eq!(steps[0], given(&["out"], &["err"], 3));
        let codes: Vec<_> = steps.iter().filter_map(|step| step.code).collect();
        assert_eq!(codes, [3, 127, 255, 143, 0]);
        assert_eq!(shell.exchanges(), 1);
        shell.close().await;
    });
}

/// What a shell answers that does not do as it is told, and what is said of it.
#[test]
fn a_shell_that_lies_is_an_error_that_names_the_host() {
    let lies = [
        (
            "_pgha_end 1 0; _pgha_mark 'begin 999'",
            "it began step 999, which is not the next one",
        ),
        (
            "_pgha_end 1 0; _pgha_mark 'begin 0'",
            "it began step 0, which is not the next one",
        ),
        (
            "_pgha_end 1 0; _pgha_mark 'begin 1'",
            "it began step 1, which is not the next one",
        ),
        (
            "_pgha_end 1 0; _pgha_mark 'final 1 0'",
            "it ended after 1 of 2 steps",
        ),
        ("_pgha_mark 'final 1 0'", "it ended after 0 of 2 steps"),
        (
            "head -c 70000000 /dev/zero",
            "more than 64 MiB of output, or two million lines of it",
        ),
        (
            "head -c 70000000 /dev/zero >&2",
            "more than 64 MiB of output, or two million lines of it",
        ),
        (
            "yes '' | head -n 3000000",
            "more than 64 MiB of output, or two million lines of it",
        ),
    ];
    bounded(async {
        for (body, cause) in lies {
            let mut shell = shell().await;
            let mut ignore = |_| {};
            let said = shell.exchange(&script(&[body, "true"]), &mut ignore).await;
            let problem = said.expect_err(body);
            assert_eq!(problem.cause.as_deref(), Some(cause), "{body}");
            assert_eq!(problem.host.as_deref(), Some("here"), "{body}");
            // What it says from then on is nobody's.
            assert!(
                shell
                    .exchange(&script(&["true"]), &mut ignore)
                    .await
                    .is_err()
            );
        }
    });
}

#[test]
fn output_keeps_its_lines() {
    bounded(async {
        let mut shell = shell().await;
        let bodies = [
            "printf foo; printf bar >&2",
            "printf '\\n'",
            "printf '\\na\\n\\n\\nb\\n\\n'",
            ":",
            "printf ' a\\tb \\r\\n\\r'",
            "printf '1%%\\r2%%\\r\\n3%%\\r' >&2",
            "printf '\\377\\001x\\000y\\n'",
        ];
        let steps = run(&mut shell, &bodies).await;
        let expected = [
            given(&["foo"], &["bar"], 0),
            given(&[""], &[], 0),
            given(&["", "a", "", "", "b", ""], &[], 0),
            given(&[], &[], 0),
            given(&[" a\tb \r", "\r"], &[], 0),
            given(&[], &["1%", "2%", "3%"], 0),
            given(&["\u{fffd}\u{1}x\0y"], &[], 0),
        ];
        assert_eq!(steps, expected);
    });
}

#[test]
fn a_body_is_whatever_shell_it_is() {
    bounded(async {
        let mut shell = shell().await;
        let bodies = [
            "cat <<'EOF'\nit's $HOME \\ `x` \"\nEOF",
            "cat <<EOF\n$((1 + 1))\nEOF\necho after",
            "cat; echo stdin is empty",
            "echo a # no comment reaches past the end",
            "echo b \\",
            "x=1; f() { echo f; }; cd /tmp",
            "echo \"${x-unset}\"; pwd; type f >/dev/null 2>&1 || echo no f",
            "set -e; false; echo not reached",
            "",
        ];
        let steps = run(&mut shell, &bodies).await;
        let expected = [
            given(&["it's $HOME \\ `x` \""], &[], 0),
            given(&["2", "after"], &[], 0),
            given(&["stdin is empty"], &[], 0),
            given(&["a"], &[], 0),
            given(&["b"], &[], 0),
            given(&[], &[], 0),
            given(&["unset", "/", "no f"], &[], 0),
            given(&[], &[], 1),
            given(&[], &[], 0),
        ];
        assert_eq!(steps, expected);
    });
}

#[test]
fn a_syntax_error_fails_its_step_alone() {
    bounded(async {
        let mut shell = shell().await;
        let bodies = [
            "echo 'open",
            "echo )",
            "}; echo x",
            "exit 0; fi",
            "echo well",
        ];
        let steps = run(&mut shell, &bodies).await;
        assert_eq!(steps.len(), 5);
        for step in &steps[..4] {
            assert_ne!(step.code, Some(0));
            assert_ne!(step.err, Vec::<String>::new());
        }
        assert_eq!(steps[4], given(&["well"], &[], 0));
    });
}

#[test]
fn text_that_looks_like_a_marker_is_text() {
    bounded(async {
        let mut shell = shell().await;
        let fake = "printf '\\n\\036pgha:0123 end 1 0\\n\\036pgha:0123 final 1 0\\n'";
        let steps = run(&mut shell, &[fake, "echo next"]).await;
        let lines = ["", "\u{1e}pgha:0123 end 1 0", "\u{1e}pgha:0123 final 1 0"];
        assert_eq!(steps[0], given(&lines, &[], 0));
        assert_eq!(steps[1], given(&["next"], &[], 0));
    });
}

#[test]
fn a_large_script_and_large_output_pass() {
    bounded(async {
        let mut shell = shell().await;
        let line = format!("{}\n", "x".repeat(99));
        let payload = line.repeat(10_000);
        let body = format!("cat <<'EOF'\n{payload}EOF");
        let steps = run(&mut shell, &[&body, &body, "echo small"]).await;
        for step in &steps[..2] {
            assert_eq!(step.out.len(), 10_000);
            assert!(step.out.iter().all(|text| text.len() == 99));
        }
        assert_eq!(steps[2], given(&["small"], &[], 0));
        let noisy = "i=0; while [ $i -lt 20000 ]; do echo $i; echo e$i >&2; i=$((i + 1)); done";
        let steps = run(&mut shell, &[noisy]).await;
        assert_eq!((steps[0].out.len(), steps[0].err.len()), (20_000, 20_000));
        assert_eq!(steps[0].err[19_999], "e19999");
    });
}

#[test]
fn the_prelude_is_for_all_steps_and_for_this_exchange() {
    bounded(async {
        let mut shell = shell().await;
        let with = Script {
            prelude: "f() { echo \"f $1\"; }\nx='a b'".into(),
            ..script(&["f 1", "echo $x"])
        };
        let steps = exchange(&mut shell, &with).await.expect("an exchange");
        assert_eq!(steps, [given(&["f 1"], &[], 0), given(&["a b"], &[], 0)]);
        let steps = run(&mut shell, &["f 2 2>/dev/null", "echo ${x-gone}"]).await;
        assert_eq!(steps, [given(&[], &[], 127), given(&["gone"], &[], 0)]);

        let broken = Script {
            prelude: "f() {".into(),
            ..script(&["echo never"])
        };
        let problem = exchange(&mut shell, &broken).await.expect_err("a problem");
        assert!(problem.what.contains("prelude"), "{problem}");
        assert_ne!(problem.cause, None);
        assert_eq!(
            run(&mut shell, &["echo on"]).await[0],
            given(&["on"], &[], 0)
        );
    });
}

/// Only root may become another user: for others there is nothing to see.
#[test]
fn commands_of_another_user_run_as_he_would_have_them() {
    bounded(async {
        let mut shell = shell().await;
        let whoami = r#"sh -c 'echo "$(id -un) $USER $LOGNAME $HOME $1"' - "a  b""#;
        let bodies = [
            "id -u",
            &format!("as daemon {whoami}"),
            "echo \"daemon daemon daemon $(getent passwd daemon | cut -d: -f6) a  b\"",
            &format!("HOME=/x as root {whoami}"),
            "as root sh -c 'exit 3'",
            "as daemon sh -c 'exit 3'",
            "as no-such-user true 2>/dev/null",
        ];
        let with = Script {
            prelude: PRELUDE.into(),
            ..script(&bodies)
        };
        let steps = exchange(&mut shell, &with).await.expect("an exchange");
        if steps[0].out != ["0"] {
            return;
        }
        assert_eq!(steps[1], steps[2]);
        assert!(steps[3].out[0].starts_with("root "), "{:?}", steps[3]);
        let codes: Vec<_> = steps[4..].iter().filter_map(|step| step.code).collect();
        assert_eq!(codes, [3, 3, 1]);
    });
}

#[test]
fn stop_at_failure_runs_nothing_after_the_first_failure() {
    bounded(async {
        let mut shell = shell().await;
        let mut stopping = script(&["echo 1", "exit 7", "echo 3"]);
        assert_eq!(
            exchange(&mut shell, &stopping)
                .await
                .map(|steps| steps.len()),
            Ok(3)
        );
        stopping.stop_at_failure = true;
        let steps = exchange(&mut shell, &stopping).await.expect("an exchange");
        assert_eq!(steps, [given(&["1"], &[], 0), given(&[], &[], 7)]);
        let nothing = exchange(&mut shell, &Script::default()).await;
        assert_eq!(nothing, Ok(Vec::new()));
    });
}

#[test]
fn lines_stream_while_the_step_runs() {
    bounded(async {
        let mut shell = shell().await;
        let start = Instant::now();
        let mut first = None;
        let slow = script(&["echo early; sleep 1; echo late"]);
        let mut on_frame = |frame| {
            if matches!(frame, Frame::Line { .. }) {
                first.get_or_insert(start.elapsed());
            }
        };
        shell
            .exchange(&slow, &mut on_frame)
            .await
            .expect("an exchange");
        assert!(first.expect("a line").as_millis() < 800);
        assert!(start.elapsed().as_millis() >= 1000);
    });
}

#[test]
fn a_child_in_the_background_does_not_hold_the_exchange() {
    bounded(async {
        let mut shell = shell().await;
        let start = Instant::now();
        let steps = run(&mut shell, &["sleep 3 & echo started", "echo next"]).await;
        assert_eq!(
            steps,
            [given(&["started"], &[], 0), given(&["next"], &[], 0)]
        );
        assert!(start.elapsed().as_secs() < 2);
    });
}

#[test]
fn a_shell_that_is_killed_says_which_step_ran() {
    bounded(async {
        let mut shell = shell().await;
        let kill = "echo before; kill -9 0";
        let mut seen = Vec::new();
        let problem = shell
            .exchange(&script(&["true", kill, "echo never"]), &mut |frame| {
                seen.push(frame)
            })
            .await
            .expect_err("a problem");
        assert_eq!(problem.kind.exit_code(), 4);
        assert_eq!(problem.host.as_deref(), Some("here"));
        assert_eq!(problem.what, "the shell ended while step 2 was running");
        assert!(seen.contains(&Frame::End { id: 1, code: 0 }));
        assert!(!seen.contains(&Frame::Begin { id: 3 }));
        let again = exchange(&mut shell, &script(&["true"])).await;
        assert_eq!(again.expect_err("a problem").kind.exit_code(), 4);
    });
}

#[test]
fn a_script_that_is_killed_is_not_a_whole_script() {
    bounded(async {
        let mut shell = shell().await;
        let parent =
            "read -r _ _ _ parent _ </proc/$(exec sh -c 'echo $PPID')/stat; kill -9 $parent";
        let problem = exchange(&mut shell, &script(&["true", parent, "echo never"])).await;
        let problem = problem.expect_err("a problem");
        assert_eq!(problem.kind.exit_code(), 4);
        assert!(problem.what.starts_with("the shell ended"), "{problem}");
    });
}

#[test]
fn an_exchange_that_was_given_up_leaves_no_shell_to_confuse() {
    bounded(async {
        let mut shell = shell().await;
        let slow = script(&["sleep 5"]);
        let mut ignore = |_| {};
        let short = std::time::Duration::from_millis(100);
        let gave_up = tokio::time::timeout(short, shell.exchange(&slow, &mut ignore)).await;
        assert!(gave_up.is_err());
        assert!(exchange(&mut shell, &script(&["true"])).await.is_err());
    });
}
