//! What clients saw of a cluster while something happened to it, and what must be so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::lab::Lab;

/// Acknowledgements that are further apart say nothing of the time between them.
const GAP: Duration = Duration::from_millis(500);

/// All that a load noted; times are since it began.
#[derive(Clone, Default)]
pub struct Seen {
    pub failures: Vec<Failure>,
    pub writers: Vec<Writer>,
    pub samples: BTreeMap<String, Vec<Sample>>,
    pub ended: Duration,
}

/// Something that a client was told instead of what it asked for.
#[derive(Clone, Debug)]
pub struct Failure {
    pub at: Duration,
    pub who: String,
    pub what: String,
}

/// What one writer wrote.
#[derive(Clone)]
pub struct Writer {
    pub pooler: String,
    pub acknowledged: Vec<(i64, Duration)>,
    /// Who acknowledged, by address, and when, first and last, in a row.
    pub servers: Vec<(String, Duration, Duration)>,
    /// Numbers that were sent and never acknowledged.
    pub unknown: BTreeSet<i64>,
}

/// One question to a member, whether it is a primary; nothing where it gave no answer.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub asked: Duration,
    pub answered: Duration,
    pub is_primary: Option<bool>,
}

impl Seen {
    pub fn add_writer(&mut self, pooler: &str) {
        self.writers.push(Writer {
            pooler: pooler.to_owned(),
            acknowledged: Vec::new(),
            servers: Vec::new(),
            unknown: BTreeSet::new(),
        });
    }

    /// Whether every writer wrote and every member answered.
    pub fn is_complete(&self) -> bool {
        self.all_wrote_after(Duration::ZERO)
            && self.samples.values().all(|samples| !samples.is_empty())
    }

    pub fn all_wrote_after(&self, moment: Duration) -> bool {
        let last = |writer: &Writer| {
            writer
                .acknowledged
                .last()
                .is_some_and(|(_, at)| *at > moment)
        };
        self.writers.iter().all(last)
    }

    /// The longest gap between two acknowledgements of any writer, between two moments.
    pub fn stall(&self, from: Duration, to: Duration) -> Duration {
        self.writers
            .iter()
            .map(|writer| writer.stall(from, to))
            .max()
            .unwrap()
    }

    #[track_caller]
    pub fn assert_no_failures(&self) {
        self.assert_no_failures_but(|_| false);
    }

    /// Asserts that nothing failed but what may.
    #[track_caller]
    pub fn assert_no_failures_but(&self, may: impl Fn(&Failure) -> bool) {
        let failures: Vec<String> = self
            .failures
            .iter()
            .filter(|failure| !may(failure))
            .map(|Failure { at, who, what }| format!("{:.3} s: {who}: {what}", at.as_secs_f64()))
            .collect();
        let first = &failures[..failures.len().min(20)];
        assert!(
            failures.is_empty(),
            "{} failures: {first:#?}",
            failures.len()
        );
    }

    /// Asserts that the primary has every acknowledged number, and none that was not sent; and that the accounts of
    /// `pgbench` agree with its history.
    #[track_caller]
    pub fn assert_nothing_lost(&self, lab: &Lab, primary: &str) {
        let lost = self.lost(lab, primary);
        assert!(lost.is_empty(), "on {primary}: {lost:#?}");
    }

    /// What is missing on the primary, or should not be there.
    pub fn lost(&self, lab: &Lab, primary: &str) -> Vec<String> {
        let mut lost = Vec::new();
        for (index, writer) in self.writers.iter().enumerate() {
            let rows = rows(lab, primary, index);
            let acknowledged = writer.numbers();
            assert!(!acknowledged.is_empty(), "nothing was written");
            let missing: Vec<&i64> = acknowledged.difference(&rows).collect();
            if !missing.is_empty() {
                lost.push(format!(
                    "{}: acknowledged and lost: {missing:?}",
                    writer.pooler
                ));
            }
            let more = rows
                .iter()
                .filter(|row| !acknowledged.contains(row) && !writer.unknown.contains(row));
            let more: Vec<&i64> = more.collect();
            if !more.is_empty() {
                lost.push(format!(
                    "{}: never acknowledged, no error: {more:?}",
                    writer.pooler
                ));
            }
        }
        let sums = "select sum(delta), (select sum(bbalance) from pgbench_branches),
            (select sum(tbalance) from pgbench_tellers), (select sum(abalance) from pgbench_accounts)
            from pgbench_history";
        let sums = lab.sql_in(primary, "app", sums);
        if sums.split('|').collect::<BTreeSet<_>>().len() != 1 {
            lost.push(format!("the sums of pgbench's tables differ: {sums}"));
        }
        lost
    }

    /// How many acknowledged numbers the primary does not have.
    pub fn count_lost(&self, lab: &Lab, primary: &str) -> usize {
        let writers = self.writers.iter().enumerate();
        let lost = writers.map(|(index, writer)| {
            let rows = rows(lab, primary, index);
            writer.numbers().difference(&rows).count()
        });
        lost.sum()
    }

    /// Asserts that no two members were primaries at the same moment.
    #[track_caller]
    pub fn assert_one_primary(&self) {
        let two = self.two_primaries();
        assert!(two.is_empty(), "{two:#?}");
    }

    /// The times in which two members took writes of clients of poolers.
    pub fn two_through_poolers(&self) -> Vec<String> {
        let rows: Vec<_> = self
            .writers
            .iter()
            .flat_map(|writer| &writer.servers)
            .collect();
        let mut two = Vec::new();
        for (number, (one, from, to)) in rows.iter().enumerate() {
            for (other, since, until) in &rows[number + 1..] {
                let (begin, end) = (from.max(since), to.min(until));
                if one != other && begin < end {
                    two.push(format!("{one} and {other} from {begin:?} to {end:?}"));
                }
            }
        }
        two
    }

    /// The times in which two members surely were primaries.
    pub fn two_primaries(&self) -> Vec<String> {
        let mut two = Vec::new();
        for (one, samples) in &self.samples {
            for (other, others) in self.samples.range(one.clone()..).skip(1) {
                for (from, to) in reigns(samples) {
                    for (since, until) in reigns(others) {
                        let (begin, end) = (from.max(since), to.min(until));
                        if begin < end {
                            two.push(format!("{one} and {other} from {begin:?} to {end:?}"));
                        }
                    }
                }
            }
        }
        two
    }
}

/// The numbers of one writer that are there.
fn rows(lab: &Lab, primary: &str, writer: usize) -> BTreeSet<i64> {
    let ask = format!("select number from load where writer = {writer}");
    let rows = lab.sql_in(primary, "app", &ask);
    rows.lines().map(|row| row.parse().unwrap()).collect()
}

impl Writer {
    /// A number was acknowledged by the server at this address.
    pub fn acknowledge(&mut self, number: i64, at: Duration, server: String) {
        self.acknowledged.push((number, at));
        match self.servers.last_mut() {
            // After a longer wait another may have had the role meanwhile.
            Some((last, _, until)) if *last == server && at - *until < GAP => *until = at,
            _ => self.servers.push((server, at, at)),
        }
    }

    /// Those that were acknowledged.
    fn numbers(&self) -> BTreeSet<i64> {
        self.acknowledged
            .iter()
            .map(|(number, _)| *number)
            .collect()
    }

    pub fn stall(&self, from: Duration, to: Duration) -> Duration {
        let mut longest = Duration::ZERO;
        let mut before = from;
        let times = self.acknowledged.iter().map(|(_, at)| *at);
        for at in times.filter(|at| *at > from && *at < to).chain([to]) {
            longest = longest.max(at - before);
            before = at;
        }
        longest
    }
}

/// The times in which a member surely was a primary: from the answer to one question until the next one was asked.
fn reigns(samples: &[Sample]) -> Vec<(Duration, Duration)> {
    samples
        .chunk_by(|one, next| one.is_primary == Some(true) && next.is_primary == Some(true))
        .filter(|reign| reign[0].is_primary == Some(true))
        .map(|reign| (reign[0].answered, reign[reign.len() - 1].asked))
        .collect()
}
