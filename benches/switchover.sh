#!/bin/bash
# How long clients wait for a write while the primary's role goes to another member: by `pgha switchover`; by
# `repmgr standby switchover` with the pooler paused around it, as a careful person would script it; and by the same
# without a pause.
#
# Method: one lab of three members and a pooler. Eight clients write through the pooler in transaction mode, one row in each
# transaction, 5 ms between acknowledgement and next write (benches/clients.rs), beside a `pgbench` of 100 transactions a
# second on a database of $SCALE times 15 MB. A switchover's figure is the longest gap between two acknowledgements of any
# client; errors are counted. The three ways take turns, ten times each; the role goes round the members.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=lab.sh
. benches/lab.sh
n=${1:-10}
: "${SCALE:=10}"
: "${CLIENTS:=target/release/examples/clients}"
[ -x "$CLIENTS" ] || { echo "no $CLIENTS: run 'cargo build --release --examples'" >&2; exit 2; }
members=(node1 node2 node3)

console() { # COMMAND
  hand pooler1 "runuser -u postgres -- psql -h /var/run/postgresql -p 6432 -U pgbouncer -Xqc '$1' pgbouncer"
}

by_pgha() { "$PGHA" switchover "$lab/inventory.yml" --to "$1"; }

# Nothing of pgha's helps: a pooler would follow by itself otherwise. The next apply starts that again.
repmgr() {
  hand pooler1 'systemctl stop pgha-follow'
  hand "$1" 'runuser -u postgres -- repmgr -f /etc/repmgr.conf standby switchover --siblings-follow'
  hand pooler1 "cp -p /etc/pgbouncer/primary/$1.ini /etc/pgbouncer/databases.ini"
  console reload
}

by_repmgr_paused() {
  console pause
  repmgr "$1"
  console resume
}

by_repmgr() { repmgr "$1"; }

with_packages
"$PGHA" lab up --image "$IMAGE" --dir "$lab" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
"$PGHA" apply "$lab/inventory.yml" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
conninfo=$("$PGHA" conninfo "$lab/inventory.yml" --show-password)
pgbench="conninfo=\"$conninfo\"; for pgbench in /usr/lib/postgresql/*/bin/pgbench; do :; done; \$pgbench"
hand pooler1 "$pgbench -iq -s $SCALE \"\$conninfo\"" 2>/dev/null
sql() { hand "$1" "runuser -u postgres -- psql -XAtqd app -c \"$2\""; }
sql node1 'create table stall (at timestamptz default now()); grant all on stall to app'
echo "database: $(sql node1 "select pg_size_pretty(pg_database_size('app'))")"
# It goes up to the first switchover that cuts it off; then it is started again.
load() { hand pooler1 "$pgbench -n -c 4 --rate=100 -T 60 \"\$conninfo\"" >/dev/null 2>&1; }

turn=0
for _ in $(seq "$n"); do
  for way in by_pgha by_repmgr_paused by_repmgr; do
    turn=$((turn + 1))
    to=${members[turn % 3]}
    load &
    load=$!
    mkfifo "$work/go"
    "$CLIENTS" "$conninfo" 8 <"$work/go" >>"$work/$way" &
    clients=$!
    exec 3>"$work/go"
    sleep 2
    seconds $way "$to" >>"$work/$way.seconds"
    sleep 3
    exec 3>&-
    wait "$clients"
    rm "$work/go"
    kill "$load" 2>/dev/null || :
    wait "$load" 2>/dev/null || :
    # What a way leaves undone is no part of the next one's time.
    "$PGHA" apply "$lab/inventory.yml" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    [ "$(sql "$to" 'select pg_is_in_recovery()')" = f ] || { echo "$way: $to is not the primary" >&2; exit 1; }
  done
done
for way in by_pgha by_repmgr_paused by_repmgr; do
  echo "$way: stall in ms $(cut -d' ' -f1 "$work/$way" | median), errors $(cut -d' ' -f2 "$work/$way" | median), whole command in s $(median <"$work/$way.seconds")"
done
