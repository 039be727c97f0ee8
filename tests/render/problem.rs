use std::sync::Arc;

use pgha::problem::{Problem, Problems, Source, Span};
use pgha::render::problem::text;
use pgha::secret::{Form, marker};

fn span(text: &str, at: &str) -> Span {
    Span {
        start: text.find(at).expect("it is in the text"),
        len: at.len(),
        source: Arc::new(Source {
            name: "inventories/main.yml".into(),
            text: text.into(),
            vaulted: false,
        }),
    }
}

const INVENTORY: &str = "cluster: main\nvars:\n  postgresql_setings:\n    port: 5432\n  café: [ünïcode, 日本語, oops]\n";

#[test]
fn with_and_without_a_place() {
    let problems = Problems(vec![
        Problem::input("unknown variable `postgresql_setings`")
            .at(&span(INVENTORY, "postgresql_setings"))
            .hint("did you mean `postgresql_settings`?"),
        Problem::input("unknown name `oops`").at(&span(INVENTORY, "oops")),
        Problem::failed("`pg_basebackup` exited with code 1")
            .on("node2")
            .step("clone the standby")
            .because(
                "pg_basebackup: error: connection to server at \"10.0.0.1\", port 5432 failed: FATAL:  no pg_hba.conf entry\n\
                 \tIs the server running?\n\n  as it came\n",
            )
            .hint("`pgha status` tells who is primary"),
        Problem::unreachable("no answer within 10 s").on("node3"),
        Problem::input("`port` is given twice").on("node1").at(&span(INVENTORY, "port")),
    ]);
    insta::assert_snapshot!(text(&problems, false));
    assert_eq!(
        console::strip_ansi_codes(&text(&problems, true)),
        text(&problems, false)
    );
}

#[test]
fn an_excerpt_of_a_very_long_line_is_cut() {
    let long = format!(
        "a: 1\nb: {{{} wrong {}}}\n",
        "x: 1, ".repeat(2000),
        "y: 2, ".repeat(2000)
    );
    let shown = text(
        &Problem::input("not this").at(&span(&long, "wrong")).into(),
        false,
    );
    insta::assert_snapshot!(shown);
}

#[test]
fn a_span_anywhere_is_drawn() {
    let text_of = "ä: 1\r\n\nlast";
    let source = span(text_of, "ä").source;
    for start in 0..text_of.len() + 3 {
        for len in [0, 1, 2, 100, usize::MAX] {
            let source = source.clone();
            let problem = Problem::input("here").at(&Span { source, start, len });
            let shown = text(&problem.into(), false);
            assert!(shown.starts_with("error: here\n"), "{shown}");
            assert!(shown.contains("--> inventories/main.yml:"), "{shown}");
        }
    }
    let empty = Span {
        source: span("x", "x").source,
        start: 0,
        len: 0,
    };
    assert!(text(&Problem::input("empty").at(&empty).into(), false).contains("main.yml:1:1"));
}

#[test]
fn a_cause_cannot_steer_the_terminal_nor_show_a_marker() {
    let cause = format!("\u{1b}[31mred\u{1b}[0m {}", marker("app", Form::Plain));
    let shown = text(&Problem::failed("no").because(cause).into(), false);
    assert_eq!(
        shown,
        "error: no\n    \\u{1b}[31mred\\u{1b}[0m <secret app>\n"
    );
}
