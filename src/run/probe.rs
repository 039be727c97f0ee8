//! One exchange per host that answers everything the plan asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;

use super::events::{Event, Events, Purpose};
use super::fleet::Fleet;
use super::lock::{self, Lock};
use super::record::Record;
use super::said::shortened;
use crate::facts::{Answer, Answers, Facts, Probes, Recorded, Release, script, understood};
use crate::problem::Problem;
use crate::shell::{LOOK, NOT_ROOT, prelude};
use crate::transport::{Frame, Script, Shell, Step, Stream};

/// Asks every connected host its questions, all at the same time.
///
/// With [`Lock::Settled`] it first waits until no run of pgha is at work on the host, so that what is seen stays. Where one
/// was, all are asked again: what the others said is older than its end, and a member whose log seems to go on after the
/// primary's is one with data of its own.
pub async fn probe(
    fleet: &mut Fleet,
    questions: &BTreeMap<String, BTreeMap<Release, Probes>>,
    lock: Lock,
    purpose: Purpose,
    events: &Events,
) -> BTreeMap<String, Result<Facts, Problem>> {
    let none = BTreeMap::new();
    let mut looks = 0;
    let record = fleet.record.clone();
    loop {
        let waited = AtomicBool::new(false);
        let asked = fleet.shells.iter_mut().map(|(host, shell)| {
            let questions = questions.get(host).unwrap_or(&none);
            let (waited, record) = (&waited, record.as_ref());
            async move {
                let answers = ask(host, shell, questions, lock, purpose, events, waited).await;
                let facts = kept(record, host, answers)
                    .and_then(|answers| understood(&answers, questions))
                    .inspect(|_| events.tell(&Event::Probed { host: host.clone() }));
                (host.clone(), facts.map_err(|problem| problem.on(host)))
            }
        });
        let world = join_all(asked).await.into_iter().collect();
        looks += 1;
        if !waited.into_inner() || looks == LOOKS {
            return world;
        }
    }
}

/// How often it is looked before the last answer is taken for what it is: somebody else may begin again and again.
const LOOKS: usize = 3;

/// What came of asking a host, once it is on record.
fn kept(
    record: Option<&Record>,
    host: &str,
    answers: Result<Answers, Problem>,
) -> Result<Answers, Problem> {
    if let Some(record) = record {
        let recorded = match answers.clone() {
            Ok(answers) => Recorded::Answered(answers),
            Err(problem) => Recorded::Silent(problem),
        };
        record.keep(host, &recorded)?;
    }
    answers
}

async fn ask(
    host: &str,
    shell: &mut Shell,
    questions: &BTreeMap<Release, Probes>,
    lock: Lock,
    purpose: Purpose,
    events: &Events,
    waited: &AtomicBool,
) -> Result<Answers, Problem> {
    let sections = script(questions);
    let questions_asked = sections.iter().zip(1..).map(|((_, body), id)| Step {
        id,
        body: body.clone(),
    });
    let script = Script {
        prelude: format!("{}{LOOK}\n{}", prelude(), lock.prelude()),
        steps: std::iter::once(lock.step())
            .chain(questions_asked)
            .collect(),
        stop_at_failure: false,
    };
    events.tell(&Event::Exchange {
        host: host.to_owned(),
        purpose,
    });
    let mut answers: Answers = sections
        .iter()
        .map(|(section, _)| (*section, Answer::default()))
        .collect();
    let mut busy = false;
    shell
        .exchange(&script, &mut |frame| {
            // Numbered from 1; the frames have no other numbers than the script.
            let section = |id: u32| sections.get(id as usize - 1).map(|(section, _)| section);
            match frame {
                Frame::Begin { .. } => {}
                Frame::End {
                    id: lock::STEP,
                    code,
                } => busy = code != 0,
                Frame::Line {
                    id: lock::STEP,
                    text,
                    ..
                } => {
                    waited.store(true, Ordering::Relaxed);
                    events.tell(&Event::StepOutput {
                        host: host.to_owned(),
                        step: "looking".to_owned(),
                        line: shortened(&text),
                    });
                }
                Frame::Line { id, stream, text } => {
                    if let Some(section) = section(id) {
                        let answer = answers.entry(*section).or_default();
                        match stream {
                            Stream::Out => answer.lines.push(text),
                            Stream::Err => answer.errors.push(text),
                        }
                    }
                }
                Frame::End { id, code } => {
                    if let Some(section) = section(id) {
                        answers.entry(*section).or_default().code = code;
                    }
                }
            }
        })
        .await
        .map_err(not_root)?;
    if busy {
        return Err(lock::busy());
    }
    Ok(answers)
}

/// The prelude's words, with what to do about it.
fn not_root(problem: Problem) -> Problem {
    if problem.cause.as_deref().map(str::trim) != Some(NOT_ROOT) {
        return problem;
    }
    Problem::unreachable("the login user is not root, and pgha was not told to become it")
        .hint("set `ansible_become: true`, or log in as root (`ansible_user: root`)")
}
