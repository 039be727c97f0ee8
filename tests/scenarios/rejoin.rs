//! A member comes back: attached, rewound or copied anew, and what only it had is given up only once that was agreed to.

use std::time::Instant;

use crate::clean;
use crate::failover::{self, is_led_to};
use crate::lab::{Hosts, Lab, Ran};
use crate::moment::{self, Run};

const DATA: &str = "/var/lib/postgresql/15/main";

/// A host's own.
const ARCHIVE: &str = "/var/lib/postgresql/archive";

/// Commits that only the old primary has.
const COMMITS: u32 = 7;

/// In a row of the old primary's; to be found in what is saved.
const MARKER: &str = "nobody-else-has-this-row";

/// The old primary was stopped, was killed with commits of its own, lacks the log that a rewind needs, and was promoted to a
/// timeline of the same number.
pub fn old_primary() {
    let lab = Lab::converged(Hosts::default());
    failover::never_by_itself(&lab);
    attaches(&lab);
    rewinds(&lab);
    // What each was told and decided is recorded, too (`tests/recorded.rs`).
    let (mut old, mut new) = ("node1", "node2");
    for comes_back in moment::some_of(OTHERWISE, 2) {
        comes_back(&lab, old, new);
        clean::is_quickly(&lab, new);
        (old, new) = (new, old);
    }
    clean::is(&lab, old);
}

/// How an old primary comes back otherwise than by an attach or a plain rewind, once a new one was promoted.
const OTHERWISE: &[fn(&Lab, &str, &str)] = &[
    is_copied_where_it_cannot_be_rewound,
    is_copied_where_timelines_only_look_the_same,
    rewinds_with_log_of_others,
    rewinds_with_log_of_an_archive,
];

/// It was stopped cleanly before another was promoted: nothing is lost, and nobody is asked. The other standby follows, too.
fn attaches(lab: &Lab) {
    lab.on("node1", "systemctl stop postgresql@15-main");
    // As a crash may leave it: the number in it is another process's by now.
    let old = format!(
        "(runuser -u postgres -- sleep 300 >/dev/null 2>&1 & echo $!) >{DATA}/postmaster.pid"
    );
    lab.on("node1", &old);
    promote(lab, "node2");
    // First who would follow the old one again.
    lab.pgha("rejoin", &["node3"]).exits(0);
    is_back(lab, "node3", "node2");
    let back = lab.pgha("rejoin", &["node1"]).exits(0);
    assert!(back.stdout.contains("comes back by: attach"), "{back}");
    is_back(lab, "node1", "node2");
    clean::is_quickly(lab, "node2");
}

/// It went on after another was promoted, and was killed. The count is exact, what is saved holds it, and without consent
/// nothing is given up.
fn rewinds(lab: &Lab) {
    let before = diverge(lab, "node2", "node1", kill);
    let dry = lab.pgha("rejoin", &["node2", "--dry-run"]).exits(0);
    assert!(dry.stdout.contains("is saved and counted"), "{dry}");
    assert_eq!(saved(lab, "node2"), "", "a dry run saved something");

    let refused = lab.pgha("rejoin", &["node2"]).exits(3);
    let commits = next_xid(lab, "node2") - before;
    assert!(commits >= COMMITS, "{commits}");
    let told = format!("`node1` does not have {commits} commits from ");
    assert!(refused.stderr.contains(&told), "{commits}: {refused}");
    assert!(
        refused.stderr.contains("`public.own` of `postgres`"),
        "{refused}"
    );
    let there = saved(lab, "node2");
    let found = format!("grep -lF {MARKER} {there}/pg_wal/*");
    assert_ne!(
        lab.on("node2", &found),
        "",
        "the log that is saved lacks it"
    );
    let counted = format!(
        "cd {there}/pg_wal; from=$(sed -n 's/^from [0-9]* //p' ../report)
        /usr/lib/postgresql/15/bin/pg_waldump -r Transaction -s $from $(ls | grep -v history | sed -n '1p;$p') | grep -c COMMIT; :"
    );
    assert_eq!(lab.on("node2", &counted), commits.to_string());

    let again = lab.pgha("rejoin", &["node2"]).exits(3);
    assert_eq!(again.stdout, "", "it was saved already: {again}");
    let down = lab.try_on("node2", "systemctl is-active postgresql@15-main");
    assert_ne!(down.line(), "active");

    let back = lab
        .pgha("rejoin", &["node2", "--accept-data-loss"])
        .exits(0);
    assert!(back.stdout.contains("comes back by: rewind"), "{back}");
    is_back(lab, "node2", "node1");
    let left = format!("select count(*) from own where what = '{MARKER}'");
    assert_eq!(lab.sql("node2", &left), "0");
    clean::is_quickly(lab, "node1");
}

/// The log from before the fork is gone: a rewind cannot begin, and a copy follows with the consent that there was.
fn is_copied_where_it_cannot_be_rewound(lab: &Lab, old: &str, new: &str) {
    diverge(lab, old, new, forget);
    let refused = lab.pgha("rejoin", &[old]).exits(3);
    assert!(refused.stderr.contains("and more before them"), "{refused}");
    let back = lab.pgha("rejoin", &[old, "--accept-data-loss"]).exits(0);
    assert!(
        back.stderr
            .contains(&format!("the rewind failed: `{old}` is copied anew")),
        "{back}"
    );
    assert_ne!(kept(lab, old), "", "what was there is not kept");
    is_back(lab, old, new);
}

/// The log before the fork is gone from the old primary, but not from the others.
fn rewinds_with_log_of_others(lab: &Lab, old: &str, new: &str) {
    rewinds_with_fetched_log(lab, old, new, "rm", "node");
}

/// The log before the fork is gone from the old primary, and `restore_command` has it.
fn rewinds_with_log_of_an_archive(lab: &Lab, old: &str, new: &str) {
    lab.set_variable(&format!(
        "postgresql_settings: {{ restore_command: 'cp {ARCHIVE}/%f %p' }}"
    ));
    lab.pgha("apply", &[]).exits(0);
    let archive = format!("mv -t {ARCHIVE}");
    rewinds_with_fetched_log(lab, old, new, &archive, "archive");
}

/// The old primary's oldest log is taken away `by` this, and fetched `from` there.
fn rewinds_with_fetched_log(lab: &Lab, old: &str, new: &str, by: &str, from: &str) {
    lab.sql(old, "checkpoint");
    lab.sql(old, "select pg_switch_wal()");
    diverge(lab, old, new, |lab, node| take_the_oldest(lab, node, by));
    lab.pgha("rejoin", &[old]).exits(3);
    let back = lab
        .pgha("rejoin", &[old, "--accept-data-loss", "--verbose"])
        .exits(0);
    assert!(back.stdout.contains("comes back by: rewind"), "{back}");
    let fetched = format!("is fetched from {from}");
    assert!(back.stderr.contains(&fetched), "{back}");
    is_back(lab, old, new);
}

/// A node is killed, and of its log only the segment in which it made its last checkpoint is there, and what came after.
fn take_the_oldest(lab: &Lab, node: &str, by: &str) {
    lab.sql(node, "checkpoint");
    kill(lab, node);
    lab.on(
        node,
        &format!(
            "first=$(/usr/lib/postgresql/15/bin/pg_controldata {DATA} | sed -n 's/^Latest checkpoint.s REDO WAL file: *//p')
            cd {DATA}/pg_wal; older=$(ls | grep -E '^[0-9A-F]{{24}}$' | awk -v first=$first '$0 \"\" < first')
            [ -n \"$older\" ] || exit 1; install -d -o postgres {ARCHIVE}; {by} $older"
        ),
    );
}

/// A node stops, and what it wrote first is not in its log any more.
fn forget(lab: &Lab, node: &str) {
    for _ in 0..3 {
        lab.sql(node, "select pg_switch_wal()");
        lab.sql(node, "checkpoint");
    }
    lab.on(
        node,
        &format!(
            "systemctl stop postgresql@15-main; rm -f /run/pgha-guard-off
            cd {DATA}/pg_wal; rm -f $(ls | grep -E '^[0-9A-F]{{24}}$' | head -n -1)"
        ),
    );
}

/// Both were promoted, each for itself, to a timeline of the same number; pg_rewind would say that nothing is to be done.
fn is_copied_where_timelines_only_look_the_same(lab: &Lab, old: &str, new: &str) {
    diverge(lab, old, new, kill);
    lab.on(
        old,
        &format!(
            "touch /run/pgha-guard-off; install -o postgres -m 0600 /dev/null {DATA}/standby.signal
            sed -i /^primary_conninfo/d {DATA}/postgresql.auto.conf"
        ),
    );
    lab.on(old, "systemctl start postgresql@15-main");
    assert_eq!(lab.sql(old, "select pg_promote()"), "t");
    let timeline = "select timeline_id from pg_control_checkpoint()";
    for node in [old, new] {
        lab.sql(node, "checkpoint");
    }
    assert_eq!(lab.sql(old, timeline), lab.sql(new, timeline));
    kill(lab, old);
    lab.pgha("rejoin", &[old]).exits(3);
    let back = lab.pgha("rejoin", &[old, "--accept-data-loss"]).exits(0);
    assert!(back.stdout.contains("comes back by:  rebuild"), "{back}");
    assert!(
        back.stdout.contains("timelines of the same number"),
        "{back}"
    );
    is_back(lab, old, new);
}

/// Data directories that are none, or somebody else's, or ahead; and standbys that have to be copied anew.
pub fn other_data() {
    let lab = Lab::converged(Hosts::default());
    failover::never_by_itself(&lab);
    strange(&lab);
    ahead(&lab);
    broken(&lab);
    lacks_log(&lab);
}

/// Another cluster's, an empty one, none at all, one behind a link.
fn strange(lab: &Lab) {
    lab.on(
        "node3",
        &format!(
            "systemctl stop repmgrd postgresql@15-main; mv {DATA} {DATA}.own
            runuser -u postgres -- /usr/lib/postgresql/15/bin/initdb -D {DATA} >/dev/null"
        ),
    );
    let refused = lab.pgha("rejoin", &["node3"]).exits(3);
    assert!(
        refused.stderr.contains("belongs to another cluster"),
        "{refused}"
    );
    lab.on("node3", &format!("test -f {DATA}/PG_VERSION; rm -r {DATA}"));

    lab.on(
        "node3",
        &format!("install -d -o postgres -g postgres -m 0700 {DATA}"),
    );
    lab.pgha("rejoin", &["node3"]).exits(0);
    is_back(lab, "node3", "node1");

    lab.on(
        "node3",
        &format!("systemctl stop postgresql@15-main; rm -r {DATA}"),
    );
    lab.pgha("rebuild", &["node3"]).exits(0);
    is_back(lab, "node3", "node1");

    lab.on(
        "node3",
        &format!(
            "systemctl stop postgresql@15-main; mv {DATA} /var/lib/postgresql/elsewhere
            ln -s /var/lib/postgresql/elsewhere {DATA}"
        ),
    );
    let refused = lab.pgha("rebuild", &["node3"]).exits(3);
    assert!(refused.stderr.contains("is a link"), "{refused}");
    lab.pgha("rejoin", &["node3"]).exits(0);
    is_back(lab, "node3", "node1");
    lab.on(
        "node3",
        &format!(
            "systemctl stop postgresql@15-main; rm {DATA}; mv /var/lib/postgresql/elsewhere {DATA}; rm -r {DATA}.own
            systemctl start postgresql@15-main"
        ),
    );
    clean::is(lab, "node1");
}

/// It was promoted after the primary: nobody but its owner can say which is right.
fn ahead(lab: &Lab) {
    lab.on("pooler1", "systemctl stop pgha-follow");
    // What it has begun to look at, it would find even after this.
    lab.on("node1", "systemctl stop pgha-guard");
    assert_eq!(lab.sql("node3", "select pg_promote()"), "t");
    lab.on("node3", "systemctl stop postgresql@15-main");
    lab.on("node1", "systemctl start pgha-guard");
    lab.on("pooler1", "systemctl start pgha-follow");
    let refused = lab.pgha("rejoin", &["node3"]).exits(3);
    assert!(
        refused.stderr.contains("it was promoted later"),
        "{refused}"
    );
    let refused = lab.pgha("rebuild", &["node3"]).exits(3);
    assert!(refused.stderr.contains("--accept-data-loss"), "{refused}");
    let back = ["node3", "--accept-data-loss", "--discard", "node3"];
    lab.pgha("rebuild", &back).exits(0);
    assert_eq!(kept(lab, "node3"), "", "it was to be removed");
    is_back(lab, "node3", "node1");
    clean::is(lab, "node1");
}

/// A page of a standby is damaged.
fn broken(lab: &Lab) {
    lab.sql(
        "node1",
        "create table damaged as select generate_series(1, 1000) as id",
    );
    lab.sql("node1", "checkpoint");
    let file = lab.sql("node1", "select pg_relation_filepath('damaged')");
    lab.on(
        "node2",
        &format!(
            "systemctl stop postgresql@15-main
            dd if=/dev/urandom of={DATA}/{file} bs=8192 count=1 conv=notrunc status=none
            systemctl start postgresql@15-main"
        ),
    );
    let read = "psql -XAtqc 'select count(*) from damaged'";
    let read = |node: &str| lab.try_on(node, &format!("su postgres -c \"{read}\""));
    assert_ne!(read("node2").code, 0, "the page is not damaged");
    lab.pgha("rebuild", &["node2"]).exits(0);
    assert_eq!(read("node2").exits(0).line(), "1000");
    is_back(lab, "node2", "node1");
    clean::is(lab, "node1");
}

/// The primary has recycled what it needs, and its slot is lost.
fn lacks_log(lab: &Lab) {
    lab.set_variable("postgresql_settings: { max_slot_wal_keep_size: 16MB, wal_keep_size: 0, max_wal_size: 32MB, min_wal_size: 32MB }");
    lab.pgha("apply", &[]).exits(0);
    lab.on("node3", "systemctl stop postgresql@15-main");
    let status = "select wal_status from pg_replication_slots where slot_name = 'repmgr_slot_3'";
    for _ in 0..20 {
        if lab.sql("node1", status) == "lost" {
            break;
        }
        lab.sql("node1", "insert into damaged values (0)");
        lab.sql("node1", "select pg_switch_wal()");
        lab.sql("node1", "checkpoint");
    }
    assert_eq!(lab.sql("node1", status), "lost");
    let back = lab.pgha("rejoin", &["node3"]).exits(0);
    assert!(back.stdout.contains("comes back by:  rebuild"), "{back}");
    is_back(lab, "node3", "node1");
    clean::is(lab, "node1");
}

/// pgha is killed after every step of a rejoin, and at ten moments of a rebuild; the same again finishes.
pub fn killed() {
    let lab = Lab::converged(Hosts::default());
    failover::never_by_itself(&lab);
    diverge(&lab, "node1", "node2", kill);
    let mut steps = Vec::new();
    loop {
        let mut run = Run::start(&lab, "rejoin", &["node1", "--accept-data-loss"]);
        let Some(step) = run.wait_for_another_than(&steps) else {
            break;
        };
        run.process.kill();
        assert_eq!(clean::primaries(&lab), ["node2"], "after {step}");
        steps.push(step);
    }
    eprintln!("killed after {steps:?}");
    // A host's script goes on until it can tell nobody, so that one kill may come after several steps.
    assert!(steps.len() >= 2, "{steps:?}");
    is_back(&lab, "node1", "node2");
    clean::is(&lab, "node2");

    // Of what was copied before.
    lab.on("node3", &format!("rm -rf {DATA}.kept-*"));
    let began = Instant::now();
    lab.pgha("rebuild", &["node3", "--discard", "node3"])
        .exits(0);
    let whole = began.elapsed();
    assert_eq!(kept(&lab, "node3"), "");
    for moment in 1..=10 {
        let mut run = lab.start("rebuild", &["node3", "--discard", "node3"]);
        std::thread::sleep(whole * moment / 11);
        run.kill();
        // Whatever it was at, there is a whole one.
        let whole =
            format!("ls {DATA}/PG_VERSION {DATA}.kept-*/PG_VERSION 2>/dev/null | head -n 1");
        assert_ne!(lab.on("node3", &whole), "", "at moment {moment} of 10");
    }
    lab.pgha("rebuild", &["node3", "--discard", "node3"])
        .exits(0);
    is_back(&lab, "node3", "node2");
    clean::is(&lab, "node2");
}

/// Another takes the old primary's place; poolers follow.
fn promote(lab: &Lab, new: &str) {
    assert_eq!(lab.sql(new, "select pg_promote()"), "t");
    // Where the old one goes on a pooler would look within a minute.
    lab.on("pooler1", "systemctl restart pgha-follow");
    is_led_to(lab, "pooler1", new);
}

/// `new` is promoted, and `old` goes on as if it were cut off, to this `end`; its first transaction that `new` does not have.
fn diverge(lab: &Lab, old: &str, new: &str, end: impl FnOnce(&Lab, &str)) -> u32 {
    lab.sql(old, "create table if not exists own (what text)");
    lab.on(old, "touch /run/pgha-guard-off");
    lab.sql(old, "alter system set autovacuum = off");
    lab.sql(old, "select pg_reload_conf()");
    receives_all(lab, new, old);
    // Before it writes transactions of its own.
    let next = lab.sql(new, "select pg_snapshot_xmax(pg_current_snapshot())");
    promote(lab, new);
    for number in 1..=COMMITS {
        lab.sql(
            old,
            &format!("insert into own values ('{MARKER}'), ('{number}')"),
        );
    }
    // The third one follows the old primary, and has what it has.
    let third = ["node1", "node2", "node3"]
        .into_iter()
        .find(|node| ![old, new].contains(node))
        .unwrap();
    receives_all(lab, third, old);
    end(lab, old);
    follows_again(lab, third, new);
    next.parse().unwrap()
}

/// Waits until a standby has all of the primary's log.
fn receives_all(lab: &Lab, standby: &str, primary: &str) {
    let flushed = lab.sql(primary, "select pg_current_wal_flush_lsn()");
    let wait = format!(
        "do $$ begin while pg_last_wal_replay_lsn() < '{flushed}' loop perform pg_sleep(0.05); end loop; end $$"
    );
    lab.sql(standby, &wait);
}

/// What it received from the old primary it gives up like that.
fn follows_again(lab: &Lab, node: &str, primary: &str) {
    lab.pgha("rejoin", &[node]).exits(3);
    lab.pgha("rejoin", &[node, "--accept-data-loss"]).exits(0);
    is_back(lab, node, primary);
}

fn kill(lab: &Lab, node: &str) {
    lab.kill_postgresql(node);
    lab.on(node, "rm -f /run/pgha-guard-off");
}

/// The transaction that would be the next, of a server that is stopped and has recovered.
fn next_xid(lab: &Lab, node: &str) -> u32 {
    let control = format!("/usr/lib/postgresql/15/bin/pg_controldata {DATA}");
    let control = lab.on(node, &control);
    let line = control.lines().find(|line| line.contains("NextXID"));
    line.unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// The folder of what was saved last.
fn saved(lab: &Lab, node: &str) -> String {
    lab.on(
        node,
        "ls -td /var/lib/pgha/diverged/* 2>/dev/null | head -n 1",
    )
}

/// Data directories that were kept.
fn kept(lab: &Lab, node: &str) -> String {
    lab.on(node, &format!("ls -d {DATA}.kept-* 2>/dev/null; :"))
}

/// It streams, and nothing is left to do.
fn is_back(lab: &Lab, node: &str, primary: &str) {
    let again: Ran = lab.pgha("rejoin", &[node]).exits(0);
    assert!(again.stdout.contains("no changes"), "{again}");
    let ask = format!(
        "select count(*) from pg_stat_replication where application_name = '{node}' and state = 'streaming'"
    );
    assert_eq!(lab.sql(primary, &ask), "1", "{node}");
}
