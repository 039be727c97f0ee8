//! `control.sh`: the arithmetic of the write-ahead log at the bounds of pages and segments, and what control data say.

use std::fmt::Write as _;

use crate::host::{Host, SHELLS, Table, control_data, prints};

const MIB: u64 = 1 << 20;
/// PostgreSQL's smallest and largest, and those between.
const SIZES: [u64; 5] = [MIB, 16 * MIB, 64 * MIB, 256 * MIB, 1024 * MIB];
const PAGE: u64 = 8192;

/// Reads cases from stdin, and answers each with a line.
const DRIVER: &str = r#"
. "${0%/*}/common.sh"
. "$lib/control.sh"
while read -r segment what first second; do
  case $what in
    segment_of) segment_of "$first" "$second"; echo ;;
    segment_after) segment_after "$first"; echo ;;
    bytes_of) bytes_of "$first"; echo "$bytes" ;;
    *) "$what" "$first" "$second" ;;
  esac
done
"#;

fn lsn(position: u64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xFFFF_FFFF)
}

fn name(timeline: u32, number: u64, size: u64) -> String {
    let per_high = (1 << 32) / size;
    format!(
        "{timeline:08X}{:08X}{:08X}",
        number / per_high,
        number % per_high
    )
}

/// Byte by byte: a record goes on after the header of the next page.
fn end_of(start: u64, length: u64, size: u64) -> u64 {
    let mut at = start;
    for _ in 0..length {
        if at.is_multiple_of(PAGE) && at != start {
            at += if at.is_multiple_of(size) { 40 } else { 24 };
        }
        at += 1;
    }
    at.next_multiple_of(8)
}

/// A question, and its answer.
fn cases() -> Vec<(String, String)> {
    let mut cases = Vec::new();
    for size in SIZES {
        let mut ask =
            |question: String, answer: String| cases.push((format!("{size} {question}"), answer));
        let high = 1_u64 << 32;
        // Starts of segments: the first ones, the last below 4 GiB and the first from there, and the last that there may be.
        let starts = [
            size,
            3 * size,
            high - size,
            high,
            high + size,
            0x2A * high - size,
            0x2A * high,
            (1 << 63) - size,
        ];
        for start in starts {
            for position in [
                start,
                start + 1,
                start + 40,
                start + PAGE - 8,
                start + size / 2,
                start + size - 8,
                start + size - 1,
            ] {
                for timeline in [1, 0x1F, 0xFFFF_FFFF_u32] {
                    ask(
                        format!("segment_of {timeline} {}", lsn(position)),
                        name(timeline, position / size, size),
                    );
                }
                ask(format!("bytes_of {}", lsn(position)), position.to_string());
                ask(format!("lsn_of {position}"), lsn(position));
            }
            let this = name(7, start / size, size);
            ask(format!("segment_start {this}"), lsn(start));
            if start < (1 << 63) - size {
                ask(
                    format!("segment_after {this}"),
                    name(7, start / size + 1, size),
                );
            }
            // A shutdown checkpoint's length, others', and records that end with the page and just after it.
            for length in [24, 42, 106, 114, 120, 128] {
                for before in [8, 16, 24, 32, 104, 112, 120, 128, 136] {
                    for page in [PAGE, size / 2, size - PAGE, size] {
                        let position = start + page - before;
                        if position < 1 << 62 {
                            let end = end_of(position, length, size);
                            ask(format!("record_end {} {length}", lsn(position)), lsn(end));
                        }
                    }
                }
            }
        }
    }
    cases
}

#[test]
fn the_arithmetic_holds_at_every_bound() {
    let host = Host::new();
    host.write("lib/driver", DRIVER);
    let cases = cases();
    let mut questions = String::new();
    for (question, _) in &cases {
        writeln!(questions, "{question}").unwrap();
    }
    let mut table = Table::default();
    for shell in SHELLS {
        let said = host.run_with(shell, "driver", &[], &[], &questions);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{shell:?}");
        let answers = said.out.lines().collect::<Vec<_>>();
        assert_eq!(answers.len(), cases.len(), "{shell:?}");
        for ((question, expected), answer) in cases.iter().zip(answers) {
            table.same(&format!("{question}, {shell:?}"), answer, expected.as_str());
        }
    }
    table.end();
}

/// Worked out by hand.
#[test]
fn the_arithmetic_gives_what_is_known() {
    let host = Host::new();
    host.write("lib/driver", DRIVER);
    let known = [
        (
            "16777216 segment_of 1 0/3000028",
            "000000010000000000000003",
        ),
        (
            "16777216 segment_of 26 16/B374D848",
            "0000001A00000016000000B3",
        ),
        (
            "16777216 segment_after 0000000100000000000000FF",
            "000000010000000100000000",
        ),
        (
            "1048576 segment_after 000000010000000000000FFF",
            "000000010000000100000000",
        ),
        (
            "1073741824 segment_after 000000010000000000000003",
            "000000010000000100000000",
        ),
        (
            "16777216 segment_start 0000000100000001000000FF",
            "1/FF000000",
        ),
        ("16777216 record_end 0/3000028 114", "0/30000A0"),
        ("16777216 record_end 0/3001FE0 114", "0/3002070"),
        ("16777216 record_end 0/3FFFFE0 114", "0/4000080"),
        ("16777216 record_end 0/FFFFFFE0 114", "1/80"),
    ];
    let questions = known.map(|(question, _)| format!("{question}\n")).concat();
    for shell in SHELLS {
        let said = host.run_with(shell, "driver", &[], &[], &questions);
        let expected = known.map(|(_, answer)| format!("{answer}\n")).concat();
        assert_eq!((said.out, said.err.as_str()), (expected, ""), "{shell:?}");
    }
}

#[test]
fn control_data_are_read_by_the_names_of_their_lines() {
    let host = Host::new();
    host.write(
        "lib/driver",
        r#"
. "${0%/*}/common.sh"
. "$lib/control.sh"
read_control
control_timeline
control_segment
value 'Latest checkpoint location'
location=$value
if is_shut_down; then down=yes; else down=no; fi
echo "$timeline $segment $location $down"
"#,
    );
    let mut table = Table::default();
    for shell in SHELLS {
        for (state, down) in [
            ("shut down", "yes"),
            ("shut down in recovery", "yes"),
            ("shutting down", "no"),
            ("in production", "no"),
            ("starting up", "no"),
            ("in crash recovery", "no"),
            ("in archive recovery", "no"),
            ("unrecognized status code", "no"),
        ] {
            for (checkpoint, recovery, timeline) in [
                (3, 0, 3),
                (3, 2, 3),
                (3, 3, 3),
                (3, 4, 4),
                (9, 10, 10),
                (10, 9, 10),
            ] {
                let control = control_data("77", checkpoint, state).replace(
                    "ending loc's timeline:   0",
                    &format!("ending loc's timeline:   {recovery}"),
                );
                host.answer("pg_controldata", &prints(&control));
                let said = host.run(shell, "driver", &[]);
                let expected = format!("{timeline} 16777216 0/3000028 {down}\n");
                table.check(
                    &format!("{state}, {checkpoint}, {recovery}, {shell:?}"),
                    said.out == expected && said.err.is_empty(),
                    &said,
                );
            }
        }
    }
    table.end();
}

/// What other members are told over SSH: the position of a standby is what it receives.
#[test]
fn tells_where_this_server_is() {
    let host = Host::new();
    let mut table = Table::default();
    for shell in SHELLS {
        for (signal, runs, receives, expected) in [
            (false, false, "echo 9", "77 2\n"),
            (false, true, "echo 9", "77 2\n"),
            (true, false, "echo 9", "77 2\n"),
            (true, true, "echo 3", "77 3\n"),
            (true, true, "echo 1", "77 2\n"),
            (true, true, "echo 0", "77 2\n"),
            (true, true, "", "77 2\n"),
            (true, true, "echo 9; exit 2", "77 2\n"),
        ] {
            host.reset();
            host.control("77", 2, "in archive recovery");
            host.answer("psql", receives);
            host.set("data/standby.signal", signal);
            if runs {
                host.seems_to_run();
            }
            let said = host.run(shell, "timeline", &[]);
            let case = format!("signal {signal}, runs {runs}, {receives:?}, {shell:?}");
            table.check(&case, said.code == Some(0) && said.out == expected, &said);
        }
        host.remove("data/global/pg_control");
        let said = host.run(shell, "timeline", &[]);
        table.check(
            "no cluster",
            said.code == Some(0) && said.out.is_empty(),
            &said,
        );
        // Not where there is one that cannot be read: that is no answer.
        host.reset();
        host.answer("pg_controldata", "exit 1");
        let said = host.run(shell, "timeline", &[]);
        table.check(
            "unreadable",
            said.code != Some(0) && said.out.is_empty(),
            &said,
        );
    }
    table.end();
}
