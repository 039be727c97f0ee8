//! The programs of pgha's on hosts that resources run, by their paths; what each does stands at its head in `programs/`.

/// A member's part in a switchover, by steps.
pub const SWITCHOVER: &str = "/usr/local/lib/pgha/switchover";

/// A member's part in a failover, by steps.
pub const FAILOVER: &str = "/usr/local/lib/pgha/failover";

/// A member's failsafe timer: `arm` and `disarm`.
pub const FAILSAFE: &str = "/usr/local/lib/pgha/failsafe";

/// How a copy of the primary's data is made and takes its place, by steps.
pub const COPY: &str = "/usr/local/lib/pgha/copy";

/// What a node does that leaves the cluster.
pub const LEAVE: &str = "/usr/local/lib/pgha/leave";

/// How a member comes back, by steps.
pub const REJOIN: &str = "/usr/local/lib/pgha/rejoin";

/// A pooler's part in a switchover, by steps.
pub const POOLER_SWITCHOVER: &str = "/usr/local/lib/pgha/pooler-switchover";

/// How a pooler follows a primary that nobody handed over to: `bring MEMBER`.
pub const POOLER_FOLLOW: &str = "/usr/local/lib/pgha/pooler-follow";

/// A pooler's failsafe timer: `arm` and `disarm`.
pub const POOLER_FAILSAFE: &str = "/usr/local/lib/pgha/pooler-failsafe";
