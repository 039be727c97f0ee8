//! The steps of a walk: as text, which can be given again, and at random.

use std::fmt;
use std::str::FromStr;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

use super::fault::{FAULTS, Fault, Of};

/// One thing that is done.
#[derive(Clone, Debug)]
pub enum Step {
    Begin(&'static Fault, String),
    End(&'static Fault, String),
    /// Somebody asks a standby to be promoted, without pgha: by a function, or by a program.
    Promote(Promotion, String),
    Pgha(Call),
    /// Milliseconds.
    Wait(u64),
}

pub type Promotion = &'static str;

/// By whom: the function, or the program.
pub const PROMOTIONS: [Promotion; 3] = ["promote", "promote-by-pg_ctlcluster", "promote-by-repmgr"];

/// pgha, in the background.
#[derive(Clone, Debug)]
pub struct Call {
    pub inventory: &'static str,
    /// Milliseconds after which it is killed.
    pub killed: Option<u64>,
    pub words: Vec<String>,
}

/// The lab's own inventory; what it was at first; and ones that lack a member, or have one more.
pub const INVENTORIES: [&str; 4] = ["own", "before", "fewer", "more"];

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(fault, host) => write!(f, "+{} {host}", fault.name),
            Self::End(fault, host) => write!(f, "-{} {host}", fault.name),
            Self::Promote(how, node) => write!(f, "{how} {node}"),
            Self::Pgha(call) => {
                f.write_str("pgha")?;
                if call.inventory != "own" {
                    write!(f, " by {}", call.inventory)?;
                }
                if let Some(after) = call.killed {
                    write!(f, " killed {after}")?;
                }
                write!(f, " {}", call.words.join(" "))
            }
            Self::Wait(milliseconds) => write!(f, "wait {milliseconds}"),
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = |name| Fault::named(name).ok_or_else(|| format!("no fault `{name}`"));
        let number = |word: &str| word.parse().map_err(|_| format!("no number in `{text}`"));
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            [name, host] if name.starts_with('+') => {
                Ok(Self::Begin(fault(&name[1..])?, host.into()))
            }
            [name, host] if name.starts_with('-') => Ok(Self::End(fault(&name[1..])?, host.into())),
            ["wait", time] => Ok(Self::Wait(number(time)?)),
            ["pgha", ref rest @ ..] => {
                let mut rest = rest;
                let mut call = Call {
                    inventory: "own",
                    killed: None,
                    words: Vec::new(),
                };
                if let ["by", name, others @ ..] = rest {
                    let known = INVENTORIES.iter().find(|known| *known == name);
                    call.inventory = known.ok_or_else(|| format!("no inventory `{name}`"))?;
                    rest = others;
                }
                if let ["killed", after, others @ ..] = rest {
                    call.killed = Some(number(after)?);
                    rest = others;
                }
                call.words = rest.iter().map(|word| (*word).to_owned()).collect();
                Ok(Self::Pgha(call))
            }
            [how, node] => match PROMOTIONS.iter().find(|known| **known == how) {
                Some(known) => Ok(Self::Promote(known, node.into())),
                None => Err(format!("no step `{text}`")),
            },
            _ => Err(format!("no step `{text}`")),
        }
    }
}

/// One to three faults on hosts of their own, verbs and waits among them; all faults end.
pub fn steps(random: &mut StdRng, members: &[&str], others: &[&str]) -> Vec<Step> {
    let mut hosts: Vec<&str> = members.iter().chain(others).copied().collect();
    hosts.shuffle(random);
    // Members more often.
    hosts.sort_by_key(|host| !members.contains(host) && random.random_ratio(2, 3));
    let many = *[1, 1, 2, 2, 3].choose(random).unwrap();
    let faults: Vec<(&'static Fault, &str)> = hosts[..many]
        .iter()
        .map(|host| {
            let of_host = FAULTS.iter().filter(|fault| match fault.of {
                Of::Any => true,
                Of::Member => members.contains(host),
                Of::Pooler => host.starts_with("pooler"),
            });
            let of_host: Vec<&Fault> = of_host.collect();
            (*of_host.choose(random).unwrap(), *host)
        })
        .collect();
    let mut steps = Vec::new();
    let between = |random: &mut StdRng, steps: &mut Vec<Step>| {
        // At times two at once.
        for _ in 0..*[0, 0, 1, 1, 2].choose(random).unwrap() {
            steps.push(something(random, members));
        }
        let longest = *[300, 3000, 15000].choose(random).unwrap();
        steps.push(Step::Wait(random.random_range(0..longest)));
    };
    for (fault, host) in &faults {
        steps.push(Step::Begin(fault, (*host).to_owned()));
        between(random, &mut steps);
    }
    let mut ends = faults;
    ends.shuffle(random);
    for (fault, host) in ends {
        between(random, &mut steps);
        steps.push(Step::End(fault, host.to_owned()));
    }
    steps
}

/// Somebody does something meanwhile.
fn something(random: &mut StdRng, members: &[&str]) -> Step {
    let member = (*members.choose(random).unwrap()).to_owned();
    if random.random_ratio(1, 10) {
        return Step::Promote(PROMOTIONS.choose(random).unwrap(), member);
    }
    let verbs = [
        vec!["apply".to_owned()],
        vec!["apply".to_owned()],
        vec!["failover".to_owned()],
        vec!["failover".to_owned()],
        vec!["failback".to_owned()],
        vec!["switchover".to_owned(), "--to".to_owned(), member.clone()],
        vec!["switchover".to_owned(), "--to".to_owned(), member.clone()],
        vec!["switchover".to_owned(), "--to".to_owned(), member.clone()],
        vec!["rejoin".to_owned(), member.clone()],
        vec!["rejoin".to_owned(), member.clone()],
        vec!["rebuild".to_owned(), member.clone()],
        vec!["remove".to_owned(), member],
    ];
    let words = verbs.choose(random).unwrap().clone();
    let is_killed = random.random_ratio(1, 3);
    let killed = is_killed.then(|| random.random_range(100..8000));
    let is_old = random.random_ratio(1, 8);
    let inventory = match is_old {
        true => INVENTORIES[1..].choose(random).unwrap(),
        false => "own",
    };
    Step::Pgha(Call {
        inventory,
        killed,
        words,
    })
}
