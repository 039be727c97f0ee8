//! The programs that pgha leaves on hosts, under `dash` and under `bash --posix`, on stubs: tables of what they are told and
//! what they do. No host takes part, and no container.

#[path = "programs/answer.rs"]
mod answer;
#[path = "programs/archive.rs"]
mod archive;
#[path = "programs/asking.rs"]
mod asking;
#[path = "programs/contest.rs"]
mod contest;
#[path = "programs/copy.rs"]
mod copy;
#[path = "programs/failover.rs"]
mod failover;
#[path = "programs/guard.rs"]
mod guard;
#[path = "programs/host.rs"]
mod host;
#[path = "programs/instance.rs"]
mod instance;
#[path = "programs/links.rs"]
mod links;
#[path = "programs/news.rs"]
mod news;
#[path = "programs/others.rs"]
mod others;
#[path = "programs/pooler.rs"]
mod pooler;
#[path = "programs/quorum.rs"]
mod quorum;
#[path = "programs/rejoin.rs"]
mod rejoin;
#[path = "programs/role_port.rs"]
mod role_port;
#[path = "programs/switchover.rs"]
mod switchover;
#[path = "programs/wal.rs"]
mod wal;
#[path = "programs/watch.rs"]
mod watch;
