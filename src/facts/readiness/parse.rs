//! What the script printed, as facts.

use super::{Postmaster, Readiness, Tried};
use crate::facts::wire;
use crate::problem::Problem;

/// Lines `WORD …`; what a host says more is not for us.
///
/// # Errors
/// PostgreSQL's answer is not what was asked for.
pub fn parse(lines: &[String]) -> Result<Readiness, Problem> {
    let mut ready = Readiness::default();
    for line in lines {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "missing" => ready.missing.push(rest.to_owned()),
            "includes" => ready.includes_databases = true,
            "primary" => ready.primary = tried(rest),
            "replication" | "ssh" => {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let of = match word {
                    "ssh" => &mut ready.ssh,
                    _ => &mut ready.replication,
                };
                of.insert(name.to_owned(), tried(rest));
            }
            "address" => {
                if let Some((name, ip)) = rest.split_once(' ') {
                    let known = ready.addresses.entry(name.to_owned()).or_default();
                    if !known.iter().any(|seen| seen == ip) {
                        known.push(ip.to_owned());
                    }
                }
            }
            "postmaster" => {
                if let Some((pid, place)) = rest.split_once(' ') {
                    ready.postmaster = pid.parse().ok().map(|pid| Postmaster {
                        pid,
                        in_unit: place == "unit",
                    });
                }
            }
            "activity" => ready.activity = Some(wire::json(rest)?),
            _ => {}
        }
    }
    Ok(ready)
}

/// `CODE WHAT IT SAID`
fn tried(text: &str) -> Tried {
    let (code, said) = text.split_once(' ').unwrap_or((text, ""));
    Tried {
        code: code.parse().unwrap_or(-1),
        said: said.replace('\x1e', "\n").trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_any_order() {
        let lines = [
            "address pooler1 10.0.0.4",
            "address pooler1 10.0.0.4",
            "ssh node2 255 Warning.\x1eHost key verification failed.\x1e",
            "missing pkill",
            "postmaster 812 stray",
            "replication node2 0 7|1|0/5000000|",
            "primary 0 node1 10.0.0.1 5432 1",
            r#"activity {"replay_paused": true, "sessions": [{"pid": 4, "state": "active", "transaction": 1.5}]}"#,
        ];
        let ready = parse(&lines.map(str::to_owned)).unwrap();
        assert_eq!(ready.addresses["pooler1"], ["10.0.0.4"]);
        assert_eq!(ready.ssh["node2"].code, 255);
        assert_eq!(
            ready.ssh["node2"].said,
            "Warning.\nHost key verification failed."
        );
        assert_eq!(ready.missing, ["pkill"]);
        assert!(!ready.postmaster.unwrap().in_unit);
        assert_eq!(ready.replication["node2"].code, 0);
        assert_eq!(ready.primary.said, "node1 10.0.0.1 5432 1");
        let activity = ready.activity.unwrap();
        assert!(activity.replay_paused);
        assert_eq!(activity.sessions[0].transaction, Some(1.5));
    }
}
