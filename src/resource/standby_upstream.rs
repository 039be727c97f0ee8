//! The resource `standby_upstream`.
//!
//! A running primary ignores both settings, so that they can be set before it is one no more.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_role::{role, sql};
use super::{Draft, Resource, Verdict, View};
use crate::condition::Condition;
use crate::facts::{Facts, Probe, Receiver, Server};
use crate::plan::{Action, Member, Op};
use crate::postgres::conninfo::Conninfo;
use crate::postgres::ident::quote_literal;
use crate::problem::Problem;

/// Whom this member follows while it is a standby: `primary_conninfo` and `primary_slot_name`. A running primary ignores both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandbyUpstream {
    /// A member; none: nothing is set.
    member: Option<String>,
    /// Only of a member that receives WAL, and only where its settings differ: to bring back one that does not receive any is for
    /// `pgha rejoin`.
    #[serde(default)]
    settings_only: bool,
}

const CONNINFO: &str = "primary_conninfo";
const SLOT: &str = "primary_slot_name";

/// What of the connection string says where to; the rest is how to connect.
const KEYS: [&str; 3] = ["host", "port", "application_name"];

/// What is set with `ALTER SYSTEM`.
fn seen<'s>(server: &'s Server, name: &str) -> Option<&'s String> {
    server.overrides.get(name).filter(|value| !value.is_empty())
}

fn shown(conninfo: &Conninfo) -> String {
    let pairs = KEYS
        .iter()
        .filter_map(|key| Some((key, conninfo.get(key)?)));
    let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(" ")
}

/// Where a standby's WAL comes from.
fn source(receiver: &Receiver) -> String {
    let host = receiver.host.as_deref().unwrap_or("unknown");
    let port = receiver
        .port
        .map_or_else(String::new, |port| format!(":{port}"));
    match receiver.status.as_str() {
        "streaming" => format!("{host}{port}"),
        status => format!("{host}{port} ({status})"),
    }
}

/// What is set with `ALTER SYSTEM` where the member at hand follows `upstream`.
pub fn overrides(view: &View<'_>, upstream: &str, own: &Member) -> BTreeMap<String, String> {
    [
        (CONNINFO, view.upstream(upstream).to_string()),
        (SLOT, own.slot.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Whether a server receives WAL from that member.
pub fn streams_from(server: &Server, upstream: &Member) -> bool {
    server.receiver.as_ref().is_some_and(|receiver| {
        receiver.status == "streaming"
            && receiver.host.as_deref() == Some(upstream.address.as_str())
            && receiver.port == Some(upstream.port)
    })
}

impl StandbyUpstream {
    fn is_set(&self, view: &View<'_>, server: &Server) -> bool {
        let Some(member) = &self.member else {
            return seen(server, CONNINFO).is_none() && seen(server, SLOT).is_none();
        };
        let wanted = view.upstream(member);
        let conninfo = seen(server, CONNINFO).and_then(|text| Conninfo::parse(text));
        let own = view.topology.member(view.host);
        conninfo.is_some_and(|conninfo| KEYS.iter().all(|key| conninfo.get(key) == wanted.get(key)))
            && seen(server, SLOT) == own.map(|own| &own.slot)
    }

    /// Whether it receives WAL, and not under its name, as its role or by its slot, wherever that is set. Of one that was only
    /// just started nothing is known yet.
    fn follows_otherwise(&self, view: &View<'_>, server: &Server) -> bool {
        let running = |name: &str| server.settings.get(name).map(|setting| &setting.raw);
        let (Some(upstream), Some(own), Some(conninfo), Some(_)) = (
            self.upstream(view),
            view.topology.member(view.host),
            running(CONNINFO),
            &server.receiver,
        ) else {
            return false;
        };
        let (seen, wanted) = (
            Conninfo::parse(conninfo).unwrap_or_default(),
            view.upstream(&upstream.name),
        );
        let mut keys = KEYS.iter().chain(&["user"]);
        keys.any(|key| seen.get(key) != wanted.get(key)) || running(SLOT) != Some(&own.slot)
    }

    fn upstream<'v>(&self, view: &View<'v>) -> Option<&'v Member> {
        view.topology.member(self.member.as_deref()?)
    }

    /// Whether it receives WAL from whom it should.
    fn streams(&self, view: &View<'_>, server: &Server) -> bool {
        let Some(upstream) = self.upstream(view) else {
            return true;
        };
        !server.in_recovery || streams_from(server, upstream)
    }
}

impl Resource for StandbyUpstream {
    fn subject(&self) -> String {
        "upstream".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let Some(server) = view.server() else {
            return Ok(Verdict::AsDeclared);
        };
        if let Some(member) = &self.member
            && (view.topology.member(member).is_none() || member == view.host)
        {
            return Err(Problem::input(format!("`{member}` is no other member"))
                .hint("`standby_upstream` names the member that this one follows"));
        }
        if self.settings_only && !self.follows_otherwise(view, server) {
            return Ok(Verdict::AsDeclared);
        }
        let is_set = self.is_set(view, server) && !self.settings_only;
        if is_set && self.streams(view, server) {
            return Ok(Verdict::AsDeclared);
        }
        let mut draft = Draft::new(Action::Update).guard(role(view));
        if let Some(upstream) = self.member.as_ref().filter(|_| self.settings_only) {
            // Which has the role and the slot by then.
            draft = draft.after([upstream.clone()]);
        }
        if !is_set {
            let before =
                seen(server, CONNINFO).map(|text| Conninfo::parse(text).unwrap_or_default());
            let after = self.member.as_ref().map(|member| view.upstream(member));
            let own = view.topology.member(view.host).filter(|_| after.is_some());
            for (name, before, after) in [
                (
                    CONNINFO,
                    before.as_ref().map(shown),
                    after.as_ref().map(shown),
                ),
                (
                    SLOT,
                    seen(server, SLOT).cloned(),
                    own.map(|own| own.slot.clone()),
                ),
            ] {
                if before != after {
                    draft = draft.field(name, before, after);
                }
            }
            let set = |name: &str, value: Option<String>| match value {
                Some(value) => format!("alter system set {name} = {}", quote_literal(&value)),
                None => format!("alter system reset {name}"),
            };
            draft = draft
                .op(sql(
                    view,
                    &set(CONNINFO, after.map(|after| after.to_string())),
                ))
                .op(sql(view, &set(SLOT, own.map(|own| own.slot.clone()))))
                .op(sql(view, "select pg_reload_conf()"));
        }
        if server.in_recovery
            && let Some(upstream) = self.upstream(view)
        {
            if !self.streams(view, server) {
                let before = server.receiver.as_ref().map(source);
                let after = format!("{}:{}", upstream.address, upstream.port);
                draft = draft.field("receives from", before, after);
            }
            draft = draft.op(Op::Wait {
                until: Condition::Sql {
                    port: view.port(),
                    database: "postgres".to_owned(),
                    query: format!(
                        "select exists (select from pg_stat_wal_receiver where status = 'streaming' and sender_host = {} and sender_port = {})",
                        quote_literal(&upstream.address),
                        upstream.port
                    ),
                },
                timeout_seconds: 60,
            });
        }
        Ok(draft.into())
    }

    /// The slot that it had there under another name is used no more.
    fn at_the_primary(&self, view: &View<'_>) -> Option<Facts> {
        let primary = &view.topology.primary;
        let receiver = view.server()?.receiver.as_ref()?;
        let used = receiver.slot.as_ref()?;
        let own = view.topology.member(view.host)?;
        let upstream = self.upstream(view)?;
        if *used == own.slot || upstream.name != *primary || !streams_from(view.server()?, upstream)
        {
            return None;
        }
        let mut facts = view.world.get(primary)?.clone();
        let slot = facts.server.answers_mut()?.slots.get_mut(used)?;
        slot.left = Some(view.host.to_owned());
        Some(facts)
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let Some(server) = facts.server.answers_mut() else {
            return;
        };
        let own = view.topology.member(view.host);
        let Some(upstream) = self.upstream(view) else {
            server.overrides.remove(CONNINFO);
            server.overrides.remove(SLOT);
            return;
        };
        if let Some(own) = own {
            let overrides = overrides(view, &upstream.name, own);
            for (name, value) in &overrides {
                if let Some(setting) = server.settings.get_mut(name) {
                    setting.raw.clone_from(value);
                    setting.value.clone_from(value);
                }
            }
            server.overrides.extend(overrides);
        }
        if server.in_recovery {
            server.receiver = Some(Receiver {
                status: "streaming".to_owned(),
                host: Some(upstream.address.clone()),
                port: Some(upstream.port),
                slot: own.map(|own| own.slot.clone()),
                // It follows across a promotion, or does not stream at all.
                timeline: (view.world.get(&upstream.name))
                    .and_then(|facts| facts.server.answers()?.timeline),
            });
        }
    }
}
