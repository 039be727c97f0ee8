//! Properties of what is written for others to read: shells, PostgreSQL, libpq, and pgha itself.

use std::process::Command;

use pgha::plan::{Action, Change, Op, Plan, Stage, noted, noted_name};
use pgha::postgres::conninfo::Conninfo;
use pgha::postgres::ident::{quote_ident, quote_literal, quote_setting};
use pgha::postgres::lsn::Lsn;
use pgha::postgres::setting;
use pgha::secret::{Form, Secrets, Text, marker};
use pgha::shell;
use pgha::size;
use pgha::transport::decoder::Decoder;
use pgha::transport::{Frame, Script, Step, Stream};
use proptest::collection::vec;
use proptest::prelude::*;

/// Any characters, those that mean something to somebody most often.
fn text() -> impl Strategy<Value = String> {
    let special = proptest::sample::select(
        "'\"\\`$!#&|;<>(){}[]*?~=%@,:. \t\n\r-/+^aZ0é☃\u{a0}\u{1b}\u{7f}"
            .chars()
            .collect::<Vec<_>>(),
    );
    let any = any::<char>().prop_filter("no NUL", |c| *c != '\0');
    vec(prop_oneof![3 => special, 1 => any], 0..24).prop_map(String::from_iter)
}

/// One line of it, as an inventory may hold.
fn line() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.chars().filter(|c| !c.is_control()).collect())
}

/// An operation, with what a plan must not lose of it.
fn op() -> impl Strategy<Value = Op> {
    let run = (vec(text(), 1..4), proptest::option::of(text())).prop_map(|(argv, stdin)| Op::Run {
        argv,
        user: "root".to_owned(),
        stdin: stdin.map(|stdin| Text::parse(&stdin)),
        environment: Vec::new(),
    });
    let sql = (any::<u16>(), text()).prop_map(|(port, statement)| Op::Sql {
        port,
        database: "postgres".to_owned(),
        statement: Text::parse(&statement),
    });
    prop_oneof![run, sql, text().prop_map(|path| Op::RemoveFile { path })]
}

fn change(host: String) -> impl Strategy<Value = Change> {
    let actions = vec![Action::Create, Action::Stop, Action::Undo];
    let shape = (text(), proptest::sample::select(actions), any::<bool>());
    let both = (vec(op(), 0..3), vec(op(), 0..3));
    (shape, both).prop_map(move |((step, action, decides), (ops, undo))| Change {
        host: host.clone(),
        step,
        resource: "command".to_owned(),
        subject: "a thing".to_owned(),
        action,
        fields: Vec::new(),
        diff: None,
        guards: Vec::new(),
        ops,
        after: Vec::new(),
        undo,
        decides,
    })
}

fn stage() -> impl Strategy<Value = Stage> {
    let host = |name: &'static str| {
        vec(change(name.to_owned()), 1..3).prop_map(move |changes| (name.to_owned(), changes))
    };
    let deadline = proptest::option::of(any::<u32>());
    (host("node2"), proptest::option::of(host("node1")), deadline).prop_map(
        |(first, second, deadline)| Stage {
            hosts: std::iter::once(first).chain(second).collect(),
            deadline,
        },
    )
}

fn plan() -> impl Strategy<Value = Plan> {
    (vec(stage(), 0..4), vec(stage(), 0..3)).prop_map(|(stages, always)| Plan {
        cluster: "pgha".to_owned(),
        primary: "node1".to_owned(),
        stages,
        always,
        ..Plan::default()
    })
}

/// The value of an SQL string literal, read as the manual says
/// (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS>); `None` if it ends early or goes on.
fn read_literal(written: &str) -> Option<String> {
    let escapes = written.starts_with('E');
    let mut chars = written.trim_start_matches('E').strip_prefix('\'')?.chars();
    let mut value = String::new();
    loop {
        match chars.next()? {
            '\'' => match chars.next() {
                Some('\'') => value.push('\''),
                Some(_) => return None,
                None => return Some(value),
            },
            '\\' if escapes => match chars.next()? {
                c @ ('\\' | '\'') => value.push(c),
                _ => return None,
            },
            // A server with `standard_conforming_strings` off would take it for an escape.
            '\\' => return None,
            c => value.push(c),
        }
    }
}

/// What a host may say on one of its streams: markers of the decoder's tag, in turn or not, and other text.
fn said() -> impl Strategy<Value = Vec<(Stream, String)>> {
    let id = prop_oneof![4 => 0..5_u32, 1 => any::<u32>()];
    let code = prop_oneof![4 => Just(0), 1 => any::<i32>()];
    let marker = prop_oneof![
        Just("hello".to_owned()),
        id.clone().prop_map(|id| format!("begin {id}")),
        (id, code.clone()).prop_map(|(id, code)| format!("end {id} {code}")),
        (0..3_u64, code).prop_map(|(sequence, code)| format!("final {sequence} {code}")),
        text(),
    ];
    let marker = marker.prop_map(|marker| format!("\n\x1epgha:t {marker}\n"));
    let stream = proptest::sample::select(vec![Stream::Out, Stream::Err]);
    let one = (stream, prop_oneof![4 => marker.clone(), 1 => text()]).prop_map(|said| vec![said]);
    let both = marker.prop_map(|marker| vec![(Stream::Out, marker.clone()), (Stream::Err, marker)]);
    vec(prop_oneof![2 => both, 1 => one], 0..24).prop_map(|said| said.concat())
}

/// Whether the frames are what a script of that many steps, numbered from 1, can give: its steps in order, each at most
/// once, its lines between its beginning and its end. How many of them ended.
fn in_order(frames: &[Frame], steps: u32) -> Option<u32> {
    let (mut ended, mut current) = (0, None);
    for frame in frames {
        match frame {
            Frame::Begin { id } if current.is_none() && *id == ended + 1 && *id <= steps => {
                current = Some(*id);
            }
            Frame::Line { id, .. } if current == Some(*id) => {}
            Frame::End { id, .. } if current == Some(*id) => (current, ended) = (None, *id),
            _ => return None,
        }
    }
    Some(ended)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_host_says_its_frames_are_the_scripts(said in said(), size in 1..40_usize, steps in 0..4_u32, stop in any::<bool>()) {
        let step = |id| Step { id, body: String::new() };
        let script = Script { steps: (1..=steps).map(step).collect(), stop_at_failure: stop, ..Script::default() };
        let mut decoder = Decoder::new("t");
        decoder.expect(1, &script);
        let mut frames = Vec::new();
        for (stream, text) in &said {
            for chunk in text.as_bytes().chunks(size) {
                decoder.feed(*stream, chunk, &mut |frame| frames.push(frame));
            }
        }
        let ended = in_order(&frames, steps);
        prop_assert!(ended.is_some(), "{:?}", frames);
        let failed = matches!(frames.last(), Some(Frame::End { code, .. }) if *code != 0);
        if decoder.finished() == Some(0) && decoder.fault().is_none() {
            prop_assert!(ended == Some(steps) || (stop && failed), "{:?}", frames);
        }
        let _ = (decoder.stray(), decoder.place());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_shell_takes_words_as_they_are(words in vec(text(), 1..6)) {
        let script = format!("printf '%s\\0' {}", shell::join(&words));
        let out = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        let mut wanted = words.join("\0").into_bytes();
        wanted.push(0);
        prop_assert_eq!(out.stdout, wanted, "{}", script);
        prop_assert!(out.stderr.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stored_plan_is_the_plan_again(plan in plan()) {
        let stored = serde_json::to_string(&plan).unwrap();
        let read: Plan = serde_json::from_str(&stored).unwrap();
        // Equality of maps says nothing of the order of hosts; the bytes do.
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), stored);
        prop_assert_eq!(read, plan);
    }

    #[test]
    fn the_decision_is_the_first_stage_that_has_one(plan in plan()) {
        let decides = |stage: &Stage| stage.hosts.values().flatten().any(|change| change.decides);
        match plan.decision() {
            None => prop_assert!(!plan.stages.iter().any(decides)),
            Some(index) => {
                prop_assert!(decides(&plan.stages[index]));
                prop_assert!(!plan.stages[..index].iter().any(decides));
            }
        }
    }

    #[test]
    fn every_change_of_a_plan_is_listed_once(plan in plan()) {
        let count = |stages: &[Stage]| stages.iter().map(|stage| stage.hosts.values().map(Vec::len).sum::<usize>()).sum::<usize>();
        prop_assert_eq!(plan.changes().count(), count(&plan.stages) + count(&plan.always));
        prop_assert_eq!(plan.is_empty(), plan.changes().next().is_none());
    }

    #[test]
    fn a_secret_of_the_way_back_is_asked_for(plan in plan(), always in any::<bool>()) {
        let mut plan = plan;
        let stages = if always { &mut plan.always } else { &mut plan.stages };
        let change = stages.iter_mut().flat_map(|stage| stage.hosts.values_mut()).flatten().last();
        prop_assume!(change.is_some());
        change.unwrap().undo.push(Op::Sql {
            port: 5432,
            database: "postgres".to_owned(),
            statement: Text::parse(&marker("back", Form::Plain)),
        });
        prop_assert_eq!(plan.secrets(), ["back"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_literal_is_read_back(value in text()) {
        prop_assert_eq!(read_literal(&quote_literal(&value)), Some(value));
    }

    #[test]
    fn an_identifier_is_read_back(name in text()) {
        let quoted = quote_ident(&name);
        let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
        prop_assert!(!inside.replace("\"\"", "").contains('"'));
        prop_assert_eq!(inside.replace("\"\"", "\""), name);
    }

    #[test]
    fn a_setting_is_read_back(value in line(), other in line()) {
        let file = format!("one = {}\n# a comment\ntwo={}\n", quote_setting(&value), quote_setting(&other));
        let read = setting::parse(&file).unwrap();
        prop_assert_eq!(read.get("one"), Some(&value));
        prop_assert_eq!(read.get("two"), Some(&other));
        prop_assert_eq!(read.len(), 2);
    }

    #[test]
    fn a_conninfo_is_read_back(pairs in vec(("[a-z_]{1,8}", text()), 0..5)) {
        let written = pairs.iter().fold(Conninfo::default(), |conninfo, (key, value)| conninfo.with(key, value.as_str()));
        prop_assert_eq!(Conninfo::parse(&written.to_string()), Some(written));
    }

    #[test]
    fn no_conninfo_makes_the_reader_panic(written in text()) {
        if let Some(read) = Conninfo::parse(&written) {
            prop_assert_eq!(Conninfo::parse(&read.to_string()), Some(read));
        }
    }

    #[test]
    fn rendered_text_is_the_text_again(pieces in vec((text(), text(), any::<bool>()), 0..5), tail in text()) {
        let rendered: String = pieces
            .iter()
            .map(|(before, name, plain)| format!("{before}{}", marker(name, if *plain { Form::Plain } else { Form::PgPass })))
            .collect::<String>()
            + &tail;
        let parsed = Text::parse(&rendered);
        prop_assert_eq!(Text::parse(&parsed.rendered()), parsed.clone());
        let stored: Text = serde_json::from_str(&serde_json::to_string(&parsed).unwrap()).unwrap();
        prop_assert_eq!(stored, parsed);
    }

    #[test]
    fn broken_markers_are_text_like_any_other(rendered in "[a\u{FDD0}\u{FDD1}\u{FDD2}]{0,12}") {
        let parsed = Text::parse(&rendered);
        prop_assert_eq!(Text::parse(&parsed.rendered()), parsed);
    }

    #[test]
    fn a_secret_is_revealed_and_never_shown(before in line(), secret in "[!-~]{12,24}") {
        let mut secrets = Secrets::default();
        secrets.insert("app", secret.as_str());
        let text = Text::parse(&format!("{before}{}", marker("app", Form::Plain)));
        prop_assert_eq!(text.reveal(&secrets), Ok(format!("{before}{secret}")));
        prop_assert_eq!(text.to_string(), format!("{before}<secret app>"));
    }

    #[test]
    fn a_pgpass_field_is_one_field(secret in line()) {
        let mut fields = vec![String::new()];
        let written = Form::PgPass.apply(&secret);
        let mut chars = written.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => fields.last_mut().unwrap().extend(chars.next()),
                ':' => fields.push(String::new()),
                c => fields.last_mut().unwrap().push(c),
            }
        }
        prop_assert_eq!(fields, [secret]);
    }

    #[test]
    fn a_noted_name_is_read_back(name in text(), word in text()) {
        let written = noted(&name);
        prop_assert_eq!(noted_name(&written), Some(name.as_str()));
        if let Some(name) = noted_name(&word) {
            prop_assert_eq!(noted(name), word);
        }
    }

    #[test]
    fn a_size_is_its_number_in_its_unit(number in any::<u32>(), unit in 0..4_usize, blanks in " {0,2}") {
        let name = ["B", "kB", "MB", "GB"][unit];
        let wanted = u64::from(number) << (10 * unit);
        prop_assert_eq!(size::parse(&format!("{blanks}{number}{blanks}{name}{blanks}")), Ok(wanted));
    }

    #[test]
    fn no_size_makes_the_reader_panic(written in text()) {
        let _ = size::parse(&written);
    }

    #[test]
    fn a_position_is_read_back(value in any::<u64>()) {
        prop_assert_eq!(Lsn(value).to_string().parse::<Lsn>().unwrap(), Lsn(value));
    }

    #[test]
    fn a_value_is_the_same_as_itself_in_another_unit(value in 1..1_000_000_i64, unit in proptest::sample::select(vec!["8kB", "kB", "MB", "B", "ms", "s", "min"])) {
        let raw = value.to_string();
        let written = setting::with_unit(&raw, Some(unit));
        prop_assert!(setting::same("x", &written, &raw, Some(unit), "integer"), "{}", written);
        prop_assert!(!setting::same("x", &written, &(value + 1).to_string(), Some(unit), "integer"));
    }
}
