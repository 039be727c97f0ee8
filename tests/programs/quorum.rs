//! When a primary counts as cut off: every combination of what it can see of the others, against who could elect a primary
//! without it by repmgrd's rule.

use crate::host::{Host, SHELLS, Table, has_turn, is_chosen};
use crate::watch::looks;

/// What this primary can see of another node.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Sight {
    /// Its PostgreSQL takes connections.
    Up,
    /// It refuses them for now.
    Refuses,
    /// Its host says that it does not run.
    Down,
    /// The same after a line of its shell's.
    DownAfterNoise,
    /// Nothing answers.
    Gone,
    /// Its host answers, its PostgreSQL runs, and no connection gets there: the line is cut for it alone, or it hangs.
    Unheard,
    /// Its host's answer is none.
    Noise,
}

use Sight::{Down, DownAfterNoise, Gone, Noise, Refuses, Unheard, Up};

const ALL: [Sight; 7] = [Up, Refuses, Down, DownAfterNoise, Gone, Unheard, Noise];
const FEW: [Sight; 3] = [Up, Down, Gone];

impl Sight {
    fn pg_isready(self) -> &'static str {
        match self {
            Up => "exit 0",
            Refuses => "exit 1",
            _ => "exit 2",
        }
    }

    fn standing(self) -> &'static str {
        match self {
            Up | Refuses | Gone => "exit 255",
            Down => "echo down",
            DownAfterNoise => "echo Willkommen; echo down",
            Unheard => "echo standby",
            Noise => "echo down; echo Willkommen",
        }
    }
}

/// Whether some of those that this primary does not see could promote one of them: repmgrd goes on with more than half of
/// the followers that vote, and one whose PostgreSQL is down does not.
fn may_elect(sights: &[Sight]) -> bool {
    let votes = |sight: &&Sight| !matches!(sight, Down | DownAfterNoise);
    let sees = |sight: &&Sight| matches!(sight, Up | Refuses);
    let voters = sights.iter().filter(votes).count();
    let visible = sights
        .iter()
        .filter(votes)
        .filter(|sight| !sees(sight))
        .count();
    // `visible_nodes <= shared_upstream_nodes / 2.0` cancels.
    visible as f64 > voters as f64 / 2.0
}

/// Others' addresses begin with .12; the witness's is .19.
fn see(host: &Host, sights: &[Sight], witness: Option<Sight>) {
    let members: Vec<String> = (0..=sights.len())
        .map(|at| format!("node{} 172.30.7.{} 5432", at + 1, at + 11))
        .collect();
    let witness_at = witness.map_or("", |_| "172.30.7.19 5433");
    // Two looks, 10 s apart.
    host.configure(&format!(
        "{}isolation_timeout=10\nmembers='{}'\nwitness='{witness_at}'\n",
        looks(2),
        members.join("\n")
    ));
    let of = |what: fn(Sight) -> &'static str| {
        let members = sights.iter().enumerate();
        let members = members.map(|(at, sight)| (at + 12, *sight));
        let cases: String = members
            .chain(witness.map(|sight| (19, sight)))
            .map(|(at, sight)| format!("*' 172.30.7.{at} '*) {}\n;; ", what(sight)))
            .collect();
        format!("case $* in {cases}*) exit 9 ;; esac")
    };
    host.answer("pg_isready", &of(Sight::pg_isready));
    host.answer("ssh", &of(Sight::standing));
}

/// Every choice of `count` of these.
fn choices(of: &[Sight], count: usize) -> Vec<Vec<Sight>> {
    (0..count).fold(vec![Vec::new()], |before, _| {
        let with = |chosen: &Vec<Sight>| {
            let more = of.iter().map(|sight| [&chosen[..], &[*sight]].concat());
            more.collect::<Vec<_>>()
        };
        before.iter().flat_map(with).collect()
    })
}

fn host() -> Host {
    let host = Host::new();
    host.stub("lib/ask-members");
    host.answer("ask-members", "exit 2");
    host.control("77", 2, "in production");
    host.answer(
        "systemctl",
        "case $* in 'stop postgresql@15-main') rm \"$root/data/postmaster.pid\" ;; esac",
    );
    host
}

fn check(host: &Host, table: &mut Table, shell: &[&str], sights: &[Sight], witness: Option<Sight>) {
    see(host, sights, witness);
    host.reset();
    host.seems_to_run();
    let said = host.run(shell, "primary-watch", &[]);
    let stopped = !host.has("data/postmaster.pid");
    let nodes: Vec<Sight> = sights.iter().copied().chain(witness).collect();
    let expected = may_elect(&nodes);
    let case = format!("{sights:?}, witness {witness:?}, {shell:?}");
    let seen = (
        stopped,
        host.has("isolated"),
        said.out.contains("out of sight"),
    );
    table.same(&case, seen, (expected, expected, expected));
    // Where every PostgreSQL in sight is up, that is: fewer than a majority, itself counted.
    if !nodes
        .iter()
        .any(|sight| matches!(sight, Down | DownAfterNoise))
    {
        let seen = 1 + nodes
            .iter()
            .filter(|sight| matches!(sight, Up | Refuses))
            .count();
        table.same(&case, expected, seen * 2 <= nodes.len() + 1);
    }
}

/// How many members there are besides itself, what each may be, and the witness.
type Cluster = (usize, &'static [Sight], &'static [Option<Sight>]);

#[test]
fn a_primary_that_does_not_see_enough_stops() {
    let clusters: [Cluster; 5] = [
        (1, &ALL, &[Some(Up), Some(Gone)]),
        (2, &ALL, &[None]),
        (2, &FEW, &[Some(Up), Some(Gone)]),
        (3, &FEW, &[None, Some(Up), Some(Gone)]),
        (4, &FEW, &[None]),
    ];
    std::thread::scope(|scope| {
        for (others, each, witnesses) in clusters {
            for shell in SHELLS {
                scope.spawn(move || {
                    let host = host();
                    let mut table = Table::default();
                    for sights in choices(each, others) {
                        for witness in witnesses {
                            // Each combination has a turn; of those that have it in another order, a third.
                            let row = format!("{sights:?} {witness:?}");
                            let is_first = others < 3 || sights.is_sorted();
                            if !(has_turn(shell, &row) && (is_first || is_chosen(&row))) {
                                continue;
                            }
                            check(&host, &mut table, shell, &sights, *witness);
                        }
                    }
                    table.end();
                });
            }
        }
    });
}

/// Four members, cut in halves: the others may promote one of two that see each other, since the dead primary does not count.
#[test]
fn exactly_half_is_no_majority() {
    let host = host();
    for shell in SHELLS {
        let mut table = Table::default();
        check(&host, &mut table, shell, &[Gone, Gone, Up], None);
        table.end();
        assert!(host.has("isolated"), "{{1,4}}|{{2,3}}");
        let mut table = Table::default();
        check(&host, &mut table, shell, &[Up, Gone, Up], None);
        table.end();
        assert!(!host.has("isolated"), "{{1,2,4}}|{{3}}");
    }
}

#[test]
fn it_is_started_once_it_sees_enough() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for sights in choices(&FEW, 3) {
            if !has_turn(shell, &format!("{sights:?}")) {
                continue;
            }
            see(&host, &sights, None);
            host.reset();
            host.write("isolated", "");
            let said = host.run(shell, "primary-watch", &[]);
            let started = host
                .log()
                .contains("systemctl start --no-block postgresql@15-main");
            let seen = (started, host.has("isolated"), said.code);
            let starts = !may_elect(&sights);
            let case = format!("{sights:?}, {shell:?}");
            table.same(&case, seen, (starts, !starts, Some(0)));
        }
    }
    table.end();
}

/// Whoever starts it meanwhile, and one that did not stop: it is looked at like any other.
#[test]
fn one_that_runs_all_the_same_is_stopped_again() {
    let host = host();
    for shell in SHELLS {
        see(&host, &[Gone, Gone], None);
        host.reset();
        host.seems_to_run();
        host.write("isolated", "");
        let said = host.run(shell, "primary-watch", &[]);
        assert!(!host.has("data/postmaster.pid"), "{said:?}");
        assert!(host.has("isolated"), "{said:?}");
        // Somebody's word goes before.
        host.reset();
        host.seems_to_run();
        host.write("isolated", "");
        host.write("guard-off", "");
        let said = host.run(shell, "primary-watch", &[]);
        assert!(host.has("data/postmaster.pid"), "{said:?}");
    }
}
