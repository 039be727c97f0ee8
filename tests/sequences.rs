//! Sequences of handovers by the real executor against stub hosts, with virtual time: steps fail, links drop, hosts hang, pgha is
//! interrupted and killed, timers run out, and the same is begun again. `proptest-state-machine` makes them, and cuts a sequence that
//! fails down to what it needs. `PGHA_SEQUENCES=N` runs so many.
//!
//! A stub host does what `programs/switchover.sh` and the two failsafe timers promise of it (`tests/programs/switchover.rs` shows
//! that they do): whatever the executor makes of that, two members never take writes, and once nothing more goes wrong one does, and
//! clients are there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pgha::plan::{Action, Change, Op, Plan, Stage};
use pgha::run::{Events, Fleet, Report, Undone, execute_until};
use pgha::secret::Secrets;
use pgha::transport::{Reply, Script, Shell};
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Seconds after which a host's timer ends what was begun.
const TIMER: u64 = 10;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A handover, in which some steps go wrong (by their number in the plan); and what becomes of pgha once a step was begun.
    Handover {
        wrong: BTreeMap<usize, Wrong>,
        pgha: Option<(usize, Ended)>,
    },
    /// So many seconds go by.
    Wait(u64),
    /// A host boots: timers and what is below /run are gone, and what is kept on disk is gone on with.
    Boot(usize),
}

#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// It was not done, and says so.
    Fails,
    /// It was done, and says that it was not.
    FailsLate,
    /// The link drops before or after it was done.
    Drops,
    DropsLate,
    /// Nothing more is heard, and it is done.
    Hangs,
}

#[derive(Clone, Copy, Debug)]
enum Ended {
    Interrupted,
    Killed,
}

// --- the plan ---------------------------------------------------------------------------------------------------------

const HOSTS: [&str; 3] = ["node1", "node2", "pooler"];

/// `HOST STEP`, and whether it can be undone; by stages. The last but two decides.
const STAGES: [&[(usize, &str, bool)]; 8] = [
    &[(0, "arm", false), (1, "arm", false), (2, "arm", false)],
    &[(2, "pause", true)],
    &[(0, "stop", true)],
    &[(1, "received", false)],
    &[(0, "sign-off", true)],
    &[(1, "promote", true)],
    &[(2, "lead", false)],
    &[(0, "follow", false)],
];
const DECISION: usize = 5;
const STEPS: usize = 10;

fn change(host: usize, step: &str, is_reversible: bool, decides: bool) -> Change {
    let op = |step: String| Op::RemoveFile {
        path: format!("/{step}"),
    };
    Change {
        host: HOSTS[host].to_owned(),
        step: step.to_owned(),
        resource: "file".to_owned(),
        subject: step.to_owned(),
        action: Action::Update,
        fields: Vec::new(),
        diff: None,
        guards: Vec::new(),
        ops: vec![op(step.to_owned())],
        after: Vec::new(),
        undo: match is_reversible {
            true => vec![op(format!("un-{step}"))],
            false => Vec::new(),
        },
        decides,
    }
}

fn plan() -> Plan {
    let stage = |changes: Vec<Change>| Stage {
        hosts: changes
            .into_iter()
            .map(|change| (change.host.clone(), vec![change]))
            .collect(),
        deadline: Some(5),
    };
    let stages = STAGES.iter().enumerate().map(|(number, steps)| {
        let changes = steps
            .iter()
            .map(|(host, step, back)| change(*host, step, *back, number == DECISION));
        stage(changes.collect())
    });
    Plan {
        stages: stages.collect(),
        always: vec![stage(
            (0..3)
                .map(|host| change(host, "disarm", false, false))
                .collect(),
        )],
        ..Plan::default()
    }
}

// --- the hosts --------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Server {
    #[default]
    Down,
    Primary,
    Standby,
}

/// What the programs have on a member's host.
#[derive(Clone, Debug, Default)]
struct Member {
    server: Server,
    /// `standby.signal`, and the candidate's name beside it: both outlive a boot.
    signal: bool,
    handed_over: bool,
    armed: bool,
    signed_off: bool,
    /// What the timer is for, on disk; and when it runs out, where it runs.
    pending: Option<Role>,
    timer: Option<Instant>,
    /// As a candidate it was told that it will not be promoted.
    stood_down: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Outgoing,
    Candidate,
}

#[derive(Debug)]
struct Hosts {
    members: [Member; 2],
    /// Where clients are, whether they wait, and when the pooler's timer runs out.
    leads: usize,
    waits: bool,
    timer: Option<Instant>,
    /// The steps of the run at hand, as they were begun.
    begun: Vec<String>,
}

impl Hosts {
    fn new() -> Self {
        let primary = Member {
            server: Server::Primary,
            ..Member::default()
        };
        let standby = Member {
            server: Server::Standby,
            signal: true,
            ..Member::default()
        };
        Self {
            members: [primary, standby],
            leads: 0,
            waits: false,
            timer: None,
            begun: Vec::new(),
        }
    }

    fn primaries(&self) -> Vec<usize> {
        (0..2)
            .filter(|member| self.members[*member].server == Server::Primary)
            .collect()
    }

    /// A step on a host; false where its program refuses.
    fn step(&mut self, host: usize, step: &str) -> bool {
        let now = Instant::now();
        if host == 2 {
            match step {
                "arm" => self.timer = Some(now + Duration::from_secs(TIMER)),
                "pause" if self.timer.is_none() => return false,
                "pause" => self.waits = true,
                "un-pause" => self.waits = false,
                "lead" => (self.leads, self.waits) = (1, false),
                "disarm" => self.timer = None,
                other => panic!("a pooler has no step {other}"),
            }
            return true;
        }
        let own = &mut self.members[host];
        match step {
            // Whatever another one has decided is not to be erased.
            "arm" if own.timer.is_some() => return false,
            "arm" => {
                (own.handed_over, own.stood_down) = (false, false);
                (own.armed, own.signed_off) = (true, false);
                own.pending = Some(if host == 0 {
                    Role::Outgoing
                } else {
                    Role::Candidate
                });
                own.timer = Some(now + Duration::from_secs(TIMER));
            }
            "stop" if !own.armed || own.signal || own.server != Server::Primary => return false,
            "stop" => own.server = Server::Down,
            "un-stop" if own.signal => return false,
            "un-stop" => own.server = Server::Primary,
            "received" => return own.server == Server::Standby,
            "sign-off" if !own.armed || own.server != Server::Down => return false,
            "sign-off" => {
                (own.handed_over, own.signal) = (true, true);
                (own.armed, own.signed_off) = (false, true);
            }
            "un-sign-off" if !own.handed_over && own.signal => return false,
            "un-sign-off" => {
                if own.handed_over {
                    own.server = Server::Down;
                }
                (own.handed_over, own.signal) = (false, false);
                own.armed |= std::mem::take(&mut own.signed_off);
            }
            "promote" if !own.armed => return false,
            "promote" => (own.server, own.signal) = (Server::Primary, false),
            "un-promote" => {
                (own.armed, own.pending, own.timer) = (false, None, None);
                own.stood_down = own.server != Server::Primary;
                return own.server != Server::Primary;
            }
            "follow" if own.signal => own.server = Server::Standby,
            "follow" => return false,
            "disarm" => self.forget(host),
            other => panic!("a member has no step {other}"),
        }
        true
    }

    fn forget(&mut self, host: usize) {
        let own = &mut self.members[host];
        (own.armed, own.signed_off, own.handed_over) = (false, false, false);
        (own.pending, own.timer) = (None, None);
    }

    /// The timers that have run out by now; each looks again as long as it has reason to.
    fn timers(&mut self) {
        let now = Instant::now();
        for host in 0..2 {
            if self.members[host].timer.is_none_or(|at| at > now) {
                continue;
            }
            match self.members[host].pending {
                Some(Role::Outgoing) => self.end_as_outgoing(),
                Some(Role::Candidate) => self.end_as_candidate(),
                None => {}
            }
        }
        let [primary] = self.primaries()[..] else {
            return;
        };
        match self.timer {
            Some(at) if at <= now => (self.leads, self.waits, self.timer) = (primary, false, None),
            Some(_) => {}
            // `pooler-follow`, which does nothing while a timer runs.
            None => self.leads = primary,
        }
    }

    /// pgha was lost on the way back, after the candidate had stood down and before the old primary had its role again: the one place
    /// where hosts do not end it by themselves. There are standbys only, and clients are told so.
    fn is_for_failover(&self) -> bool {
        let [outgoing, candidate] = &self.members;
        let standbys = [outgoing, candidate].map(|member| member.signal);
        candidate.stood_down && standbys == [true, true]
    }

    /// `pgha failover`
    fn fail_over(&mut self) {
        let own = &mut self.members[1];
        (own.server, own.signal) = (Server::Primary, false);
        (self.leads, self.waits, self.timer) = (1, false, None);
    }

    /// `end_as_outgoing`, and then `find_place`.
    fn end_as_outgoing(&mut self) {
        let own = &mut self.members[0];
        // A signal without the name of who was handed the role is of somebody who fenced this server.
        if own.armed && (own.handed_over || !own.signal) {
            (own.signal, own.handed_over, own.armed) = (false, false, false);
        }
        own.server = if own.signal {
            Server::Standby
        } else {
            Server::Primary
        };
        if self.primaries().len() == 1 {
            self.forget(0);
        }
    }

    /// `end_as_candidate`: the outgoing primary's host alone knows what was decided.
    fn end_as_candidate(&mut self) {
        let [outgoing, own] = &mut self.members;
        if own.server != Server::Primary {
            let decided = !outgoing.armed && outgoing.signal && outgoing.handed_over;
            if outgoing.armed {
                return;
            }
            if decided && own.server == Server::Standby {
                (own.server, own.signal) = (Server::Primary, false);
            }
        }
        self.forget(1);
    }

    fn boot(&mut self, host: usize) {
        let now = Instant::now();
        if host == 2 {
            // pgbouncer starts where the primary is, and holds nobody back.
            (self.waits, self.timer) = (false, None);
            if let [primary] = self.primaries()[..] {
                self.leads = primary;
            }
            return;
        }
        let primaries = self.primaries();
        let own = &mut self.members[host];
        (own.armed, own.signed_off) = (false, false);
        // Its guard asks whether the cluster has gone on without it.
        let is_replaced = primaries.iter().any(|other| *other != host);
        own.server = match (own.signal, is_replaced) {
            (true, _) => Server::Standby,
            (false, false) => Server::Primary,
            (false, true) => Server::Down,
        };
        own.timer = own.pending.map(|_| now);
    }
}

// --- a run ------------------------------------------------------------------------------------------------------------

struct Sut {
    runtime: Runtime,
    hosts: Arc<Mutex<Hosts>>,
}

impl Sut {
    fn hand_over(&self, wrong: &BTreeMap<usize, Wrong>, pgha: Option<(usize, Ended)>) {
        let plan = plan();
        let (interrupt, kill) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        self.hosts.lock().unwrap().begun.clear();
        let shells = (0..3).map(|host| {
            let (hosts, wrong) = (self.hosts.clone(), wrong.clone());
            let (interrupt, kill) = (interrupt.clone(), kill.clone());
            let shell = Shell::scripted(HOSTS[host], move |script| {
                let mut hosts = hosts.lock().unwrap();
                hosts.timers();
                if let Some((at, ended)) = pgha
                    && hosts.begun.len() >= at
                {
                    match ended {
                        Ended::Interrupted => interrupt.notify_one(),
                        Ended::Killed => kill.notify_one(),
                    }
                }
                let killed_at =
                    pgha.and_then(|(at, ended)| matches!(ended, Ended::Killed).then_some(at));
                replies(&mut hosts, host, script, &wrong, killed_at)
            });
            (HOSTS[host].to_owned(), shell)
        });
        let mut fleet = Fleet::of(shells.collect());
        let report = self.runtime.block_on(async {
            let (secrets, events) = (Secrets::default(), Events::default());
            let run = execute_until(&plan, &mut fleet, &secrets, &events, interrupt.notified());
            tokio::select! {
                biased;
                () = kill.notified() => None,
                report = run => Some(report),
            }
        });
        if let Some(report) = report {
            self.rules(&plan, &report);
        }
    }

    /// What the executor promises of any run that comes to its end.
    fn rules(&self, plan: &Plan, report: &Report) {
        let hosts = self.hosts.lock().unwrap();
        let begun = &hosts.begun;
        let is_undoing = |step: &&String| step.contains(" un-");
        let back: Vec<&String> = begun.iter().filter(is_undoing).collect();
        assert!(report.undone.is_some() || back.is_empty(), "{begun:?}");
        // The last first.
        let order = ["un-promote", "un-sign-off", "un-stop", "un-pause"];
        let place = |step: &&String| order.iter().position(|undo| step.ends_with(undo)).unwrap();
        assert!(back.iter().map(place).is_sorted(), "{begun:?}");
        // Nothing goes on once there is a way back.
        let turned = begun.iter().position(|step| step.contains(" un-"));
        let after = begun[turned.unwrap_or(begun.len())..].iter();
        let goes_on = |step: &&String| !step.contains(" un-") && !step.ends_with("disarm");
        assert_eq!(after.filter(goes_on).count(), 0, "{begun:?}");
        if report.undone == Some(Undone::InPart) {
            assert!(
                !begun.iter().any(|step| step.ends_with("disarm")),
                "timers are left: {begun:?}"
            );
        }
        let all = plan.changes().count();
        assert!(report.changed + report.not_done.len() >= all, "{begun:?}");
    }
}

fn replies(
    hosts: &mut Hosts,
    host: usize,
    script: &Script,
    wrong: &BTreeMap<usize, Wrong>,
    killed_at: Option<usize>,
) -> Vec<Reply> {
    // The first step of every script takes the lock.
    let mut replies = vec![Reply::ok("")];
    for step in &script.steps[1..] {
        let (_, path) = step.body.rsplit_once(" /").expect("a step removes a file");
        let name = path.split_whitespace().next().expect("of some name");
        let number = hosts.begun.len();
        hosts.begun.push(format!("{} {name}", HOSTS[host]));
        let nothing = String::new;
        // A pgha that is killed hears nothing more, of anybody.
        let is_killed = killed_at.is_some_and(|at| number >= at);
        let how = if is_killed {
            Some(&Wrong::Hangs)
        } else {
            wrong.get(&number)
        };
        let is_done = !matches!(how, Some(Wrong::Fails | Wrong::Drops)) && hosts.step(host, name);
        let reply = match how {
            Some(Wrong::Drops | Wrong::DropsLate) => Reply::Drop {
                out: nothing(),
                err: nothing(),
            },
            Some(Wrong::Hangs) => Reply::Hang,
            Some(Wrong::FailsLate) => Reply::failed(1, "no"),
            Some(Wrong::Fails) | None if !is_done => Reply::failed(1, "no"),
            Some(Wrong::Fails) | None => Reply::ok(""),
        };
        let goes_on = matches!(reply, Reply::Step { code: 0, .. });
        replies.push(reply);
        if !goes_on {
            break;
        }
    }
    replies
}

// --- sequences --------------------------------------------------------------------------------------------------------

struct Sequence;

impl ReferenceStateMachine for Sequence {
    type State = ();
    type Transition = Event;

    fn init_state() -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn transitions((): &()) -> BoxedStrategy<Event> {
        let wrong = prop_oneof![
            Just(Wrong::Fails),
            Just(Wrong::FailsLate),
            Just(Wrong::Drops),
            Just(Wrong::DropsLate),
            Just(Wrong::Hangs),
        ];
        let wrong = prop::collection::btree_map(0..STEPS + 6, wrong, 0..4);
        let ended = prop_oneof![Just(Ended::Interrupted), Just(Ended::Killed)];
        let pgha = prop::option::of((0..STEPS, ended));
        prop_oneof![
            3 => (wrong, pgha).prop_map(|(wrong, pgha)| Event::Handover { wrong, pgha }),
            2 => (0..2 * TIMER).prop_map(Event::Wait),
            1 => (0..3_usize).prop_map(Event::Boot),
        ]
        .boxed()
    }

    fn apply((): (), _: &Event) {}
}

impl StateMachineTest for Sut {
    type SystemUnderTest = Self;
    type Reference = Sequence;

    fn init_test((): &()) -> Self {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let hosts = runtime.block_on(async { Hosts::new() });
        Self {
            runtime,
            hosts: Arc::new(Mutex::new(hosts)),
        }
    }

    fn apply(sut: Self, (): &(), event: Event) -> Self {
        match event {
            Event::Handover { wrong, pgha } => {
                // One is begun only where all is as after the last, which its gate sees.
                let is_ready = {
                    let hosts = sut.hosts.lock().unwrap();
                    let is_idle =
                        |member: &Member| member.timer.is_none() && member.pending.is_none();
                    let roles = hosts.members.each_ref().map(|member| member.server);
                    roles == [Server::Primary, Server::Standby] && hosts.members.iter().all(is_idle)
                };
                if is_ready {
                    sut.hand_over(&wrong, pgha);
                }
            }
            Event::Wait(seconds) => sut.runtime.block_on(async {
                for _ in 0..seconds {
                    tokio::time::advance(Duration::from_secs(1)).await;
                    sut.hosts.lock().unwrap().timers();
                }
            }),
            Event::Boot(host) => sut
                .runtime
                .block_on(async { sut.hosts.lock().unwrap().boot(host) }),
        }
        sut
    }

    fn check_invariants(sut: &Self, (): &()) {
        let hosts = sut.hosts.lock().unwrap();
        assert!(hosts.primaries().len() < 2, "two take writes: {hosts:#?}");
    }

    fn teardown(sut: Self, (): ()) {
        let sut = Self::apply(sut, &(), Event::Wait(3 * TIMER));
        Self::check_invariants(&sut, &());
        let mut hosts = sut.hosts.lock().unwrap();
        if hosts.primaries().is_empty() && hosts.is_for_failover() {
            hosts.fail_over();
        }
        let [primary] = hosts.primaries()[..] else {
            panic!("nobody takes writes: {hosts:#?}");
        };
        assert!(
            !hosts.waits && hosts.leads == primary,
            "clients are not at the primary: {hosts:#?}"
        );
    }
}

/// How many sequences: as many as are asked for, or as go by in a few seconds.
fn cases() -> u32 {
    std::env::var("PGHA_SEQUENCES").map_or(2000, |text| {
        text.parse().expect("`PGHA_SEQUENCES` is a number")
    })
}

prop_state_machine! {
    #![proptest_config(Config { cases: cases(), failure_persistence: None, ..Config::default() })]
    #[test]
    fn no_sequence_ends_without_a_primary_or_with_two(sequential 1..8 => Sut);
}
