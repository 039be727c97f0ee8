#!/bin/bash
# How long clients wait for a write when the primary's PostgreSQL is killed: through a pooler that follows by itself, and on
# a connection string that names all members (`target_session_attrs=read-write`), as one does without a pooler.
#
# Method: one lab of three members and a pooler, repmgrd's detection 3 x 2 s. Eight clients write one row in each transaction,
# 5 ms between acknowledgement and next write, and connect again when they must (benches/clients.rs). Two seconds on, every
# process of the primary's PostgreSQL gets SIGKILL. The figure is the longest gap between two acknowledgements of any client;
# beside it the part of it after detection, that is after repmgrd on the member that is promoted has given the primary up.
# The two ways take turns, five times each, on the same cluster; pgha brings the old primary back in between.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=lab.sh
. benches/lab.sh
n=${1:-5}
: "${CLIENTS:=target/release/examples/clients}"
[ -x "$CLIENTS" ] || { echo "no $CLIENTS: run 'cargo build --release --examples'" >&2; exit 2; }

quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }; }
ask() { hand "$1" "cd /; runuser -u postgres -- psql -XAtqd app -c \"$2\""; } # HOST STATEMENT
primary() { for member in node1 node2 node3; do [ "$(ask "$member" 'select pg_is_in_recovery()' 2>/dev/null)" != f ] || echo "$member"; done; }

with_packages
quietly "$PGHA" lab up --image "$IMAGE" --dir "$lab"
sed -i 's/^  children:$/    repmgr_settings: { reconnect_attempts: 3, reconnect_interval: 2 }\n  children:/' "$lab/inventory.yml"
quietly "$PGHA" apply "$lab/inventory.yml"
pooler=$("$PGHA" conninfo "$lab/inventory.yml" --show-password)
direct="host=$(address node1),$(address node2),$(address node3) port=5432 target_session_attrs=read-write connect_timeout=1 $(printf '%s\n' "$pooler" | grep -o '\(dbname\|user\|password\)=[^ ]*' | paste -sd ' ')"
ask node1 'create table stall (at timestamptz default now()); grant all on stall to app'

turn() { # WAY CONNINFO
  local old new since killed
  old=$(primary)
  mkfifo "$work/go"
  "$CLIENTS" "$2" 8 <"$work/go" >"$work/seen" &
  local clients=$!
  exec 3>"$work/go"
  sleep 2
  since=$(date +%s)
  hand "$old" 'systemctl kill --signal=KILL postgresql@15-main; systemctl stop postgresql@15-main'
  sleep 12
  exec 3>&-
  wait "$clients"
  rm "$work/go"
  new=$(primary)
  killed=$(hand "$new" "journalctl -u repmgrd --since=@$since -o short-unix | grep -m 1 'unable to reconnect to node' | cut -d ' ' -f 1")
  read -r gap errors end <"$work/seen"
  echo "$1: $gap $errors" >&2
  echo "$gap" >>"$work/$1"
  echo "$errors" >>"$work/$1.errors"
  awk -v end="$end" -v at="$killed" 'BEGIN { printf "%.0f\n", end - at * 1000 }' >>"$work/$1.after"
  quietly "$PGHA" rejoin "$lab/inventory.yml" "$old" --accept-data-loss
  quietly "$PGHA" apply "$lab/inventory.yml"
}

for _ in $(seq "$n"); do
  turn pooler "$pooler"
  turn direct "$direct"
done
for way in pooler direct; do
  echo "$way: stall in ms $(median <"$work/$way"), of that after detection $(median <"$work/$way.after"), errors $(median <"$work/$way.errors")"
done
echo "ratio of the medians: $(ratio "$(median <"$work/pooler" | cut -d' ' -f1)" "$(median <"$work/direct" | cut -d' ' -f1)")"
