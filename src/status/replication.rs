//! Who streams from whom, and how far behind.

use super::members::{Member, Members, address};
use super::{Node, Role};
use crate::facts::Server;
use crate::size;

/// Bytes of WAL: one segment, which a standby that keeps up is never behind for long.
const LAG: u64 = 16 << 20;

/// Where a standby streams from, as its receiver reports.
pub enum Upstream<'m, 'a> {
    Member(&'m Member<'a>),
    /// `host:port`
    Foreign(String),
}

/// The upstream of a standby; `None` while it receives nothing.
pub fn upstream<'m, 'a>(members: &'m Members<'a>, server: &Server) -> Option<Upstream<'m, 'a>> {
    let receiver = server.receiver.as_ref()?;
    let (host, port) = (receiver.host.as_deref()?, receiver.port?);
    let member = members
        .all
        .iter()
        .find(|member| member.address == host && member.port == port);
    Some(match member {
        Some(member) => Upstream::Member(member),
        None => Upstream::Foreign(address(host, port)),
    })
}

/// A standby's state, timeline, upstream and lag.
pub fn fill(members: &Members<'_>, member: &Member<'_>, server: &Server, node: &mut Node) {
    let upstream = upstream(members, server);
    let sends = match &upstream {
        Some(Upstream::Member(upstream)) => upstream.server(),
        Some(Upstream::Foreign(_)) => None,
        None => members.primary().and_then(Member::server),
    };
    // The upstream's word counts; where it cannot be asked, the standby's own.
    let state = match sends {
        Some(sends) => sends.senders.get(member.name).map(|sender| &sender.state),
        None => server.receiver.as_ref().map(|receiver| &receiver.status),
    };
    node.state = state.map_or_else(|| "not replicating".to_owned(), Clone::clone);
    let receiver = server.receiver.as_ref();
    node.timeline = receiver
        .and_then(|receiver| receiver.timeline)
        .or(server.timeline);
    node.upstream = upstream.map(|upstream| match upstream {
        Upstream::Member(member) => member.name.to_owned(),
        Upstream::Foreign(address) => address,
    });
    let flushed = members
        .primary()
        .and_then(Member::server)
        .and_then(|server| server.position);
    node.lag_bytes = server
        .position
        .zip(flushed)
        .map(|(replayed, flushed)| replayed.behind(flushed));
}

/// Standbys that do not stream, stream from a stranger, are on another timeline, or lag.
pub fn problems(members: &Members<'_>, nodes: &[Node]) -> Vec<String> {
    let primary = members.primary();
    let timeline = primary
        .and_then(Member::server)
        .and_then(|server| server.timeline);
    let mut problems = Vec::new();
    for node in nodes.iter().filter(|node| node.role == Role::Standby) {
        let name = &node.name;
        match node.state.as_str() {
            "streaming" => {}
            // Whatever it follows, e.g. a former primary, that verb decides how it comes to follow the primary.
            "not replicating" if primary.is_some() => problems.push(format!(
                "`{name}` is not replicating (hint: `pgha rejoin INVENTORY {name}` lets it follow the primary)"
            )),
            "not replicating" => problems.push(format!("`{name}` is not replicating")),
            state => problems.push(format!("`{name}` does not stream yet: it is in `{state}`")),
        }
        if let Some(upstream) = &node.upstream
            && members.is_complete
            && members.get(upstream).is_none()
        {
            problems.push(format!(
                "`{name}` streams from `{upstream}`, which is no member"
            ));
        }
        if let (Some(primary), Some(wanted), Some(seen)) = (primary, timeline, node.timeline)
            && wanted != seen
        {
            // Where it has left the primary's branch it tries again for ever, in whatever state it is seen.
            let hint = match node.state.as_str() {
                "streaming" | "not replicating" => String::new(),
                _ => format!(" (hint: `pgha rejoin INVENTORY {name}` lets it follow the primary)"),
            };
            problems.push(format!(
                "`{name}` is on timeline {seen}, and the primary `{}` on {wanted}{hint}",
                primary.name
            ));
        }
        if let Some(lag) = node.lag_bytes.filter(|lag| *lag > LAG) {
            problems.push(format!(
                "`{name}` is {} of WAL behind the primary",
                size::bytes(lag)
            ));
        }
    }
    problems
}
