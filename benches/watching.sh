#!/bin/bash
# What watching costs while nothing happens: on a member, on a pooler, and of a primary that 50 poolers ask.
#
# Method: one lab of three members and a pooler, no clients. After half a minute of rest, the time that the processors spent on
# each unit (`cpu.stat` of its cgroup) and the lines in journal and PostgreSQL's logs are read twice, 60 s apart. Then 50 more
# poolers' waits (`pooler-calm`, told of 50 poolers) run on the pooler's host, and the same is read again; what the primary's
# PostgreSQL takes more is what they cost it. Then the primary is stopped, nobody is promoted, and 50 poolers wait for one who takes
# writes (`await-news`): what a standby's PostgreSQL takes, how many connections it has of them, and how many logins there
# were. pgbouncer's own `stats` line a minute is not counted.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=lab.sh
. benches/lab.sh
rest=${1:-60}

read_all() {
  local host
  for host in node1 node2 node3 pooler1; do
    # shellcheck disable=SC2016 # the host expands
    # Past sshd, which would have lines of its own.
    docker exec "$(container "$host")" sh -c 'cd /sys/fs/cgroup/system.slice
      for unit in pgha-guard.service pgha-follow.service pgbouncer.service system-postgresql.slice/postgresql@15-main.service; do
        [ ! -e "$unit/cpu.stat" ] || echo "$unit $(sed -n "s/usage_usec //p" "$unit/cpu.stat")"
      done
      echo "journal $(journalctl -q --no-pager | grep -vc "pgbouncer.* stats: ")"
      echo "logs $(cat /var/log/postgresql/* | grep -vc " stats: ")"' | sed "s/^/$host /"
  done
}

compare() { # TITLE
  echo "$1"
  read_all >"$work/before"
  sleep "$rest"
  read_all >"$work/after"
  paste -d ' ' "$work/before" "$work/after" | awk -v s="$rest" '
    $2 ~ /^(journal|logs)$/ { printf "  %s %s: %d lines\n", $1, $2, $6 - $3; next }
    { printf "  %s %s: %.2f %% of a core\n", $1, $2, ($6 - $3) / s / 10000 }'
}

with_packages
"$PGHA" lab up --image "$IMAGE" --dir "$lab" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
"$PGHA" apply "$lab/inventory.yml" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
sleep 30
compare 'nothing happens'
primary=$(address node1)
# shellcheck disable=SC2016 # the host expands
docker exec -d "$(container pooler1)" sh -c 'cp -R /usr/local/lib/pgha /run/many
  sed -i s/^poolers=.*/poolers=50/ /run/many/host.conf
  for _ in $(seq 50); do while :; do /run/many/pooler-calm '"$primary"' 5432; done & done
  wait'
sleep 30
compare 'with 50 poolers more'
docker restart "$(container pooler1)" >/dev/null
for host in node1 node2 node3; do docker exec "$(container "$host")" systemctl stop repmgrd pgha-guard; done
docker exec "$(container node1)" systemctl stop postgresql@15-main
sleep 10
asked() { # EXPRESSION FROM
  docker exec -u postgres "$(container node2)" psql -XAtqc "select $1 from $2"
}
began=$(asked sessions "pg_stat_database where datname = 'postgres'")
# shellcheck disable=SC2016 # the host expands
docker exec -d "$(container pooler1)" sh -c 'for _ in $(seq 50); do
    while :; do /usr/local/lib/pgha/await-news 35 0.25 node1 node2 node3 >/dev/null; done &
  done
  wait'
sleep 20
compare 'nobody takes writes, and 50 poolers wait'
echo "  node2: $(asked 'count(*)' "pg_stat_activity where usename = 'pgha_watch'") connections of poolers, $(($(asked sessions "pg_stat_database where datname = 'postgres'") - began)) logins in $((rest + 20)) s"
