//! The framed shell protocol against a real `/bin/sh`, and connections against a real `sshd` on a loopback port.

#[path = "transport/local.rs"]
mod local;
#[path = "transport/refused.rs"]
mod refused;
#[path = "transport/scripted.rs"]
mod scripted;
#[path = "transport/server.rs"]
mod server;
#[path = "transport/ssh.rs"]
mod ssh;

use std::time::Duration;

use pgha::problem::Problem;
use pgha::transport::{Frame, Script, Shell, Step, Stream};

/// Runs a test that must not hang.
fn bounded(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), test)
            .await
            .expect("the test took longer than 30 s");
    });
}

fn script(bodies: &[&str]) -> Script {
    let steps = bodies.iter().zip(1..).map(|(body, id)| Step {
        id,
        body: (*body).to_owned(),
    });
    Script {
        steps: steps.collect(),
        ..Script::default()
    }
}

/// What one step gave.
#[derive(Debug, Default, PartialEq, Eq)]
struct Given {
    out: Vec<String>,
    err: Vec<String>,
    code: Option<i32>,
}

fn given(out: &[&str], err: &[&str], code: i32) -> Given {
    let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    Given {
        out: own(out),
        err: own(err),
        code: Some(code),
    }
}

/// One exchange, its frames sorted by step; panics if frames are not nested.
async fn exchange(shell: &mut Shell, script: &Script) -> Result<Vec<Given>, Problem> {
    let mut frames = Vec::new();
    let result = shell
        .exchange(script, &mut |frame| frames.push(frame))
        .await;
    let mut steps: Vec<Given> = Vec::new();
    let mut running = None;
    for frame in frames {
        match frame {
            Frame::Begin { id } => {
                assert_eq!(running.replace(id), None, "a step began within a step");
                steps.push(Given::default());
            }
            Frame::Line { id, stream, text } => {
                assert_eq!(running, Some(id), "a line outside its step: {text}");
                let step = steps.last_mut().expect("a step");
                match stream {
                    Stream::Out => step.out.push(text),
                    Stream::Err => step.err.push(text),
                }
            }
            Frame::End { id, code } => {
                assert_eq!(running.take(), Some(id));
                steps.last_mut().expect("a step").code = Some(code);
            }
        }
    }
    result.map(|()| steps)
}

async fn run(shell: &mut Shell, bodies: &[&str]) -> Vec<Given> {
    exchange(shell, &script(bodies)).await.expect("an exchange")
}
