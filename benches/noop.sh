#!/bin/bash
# A plan without changes, against the least that the same could cost: one ssh connection per host, opened in parallel, and
# the same probe run over each.
#
# Method: a lab of three members and a pooler, converged. The probe is recorded on each host from what pgha sends, byte for
# byte. Then both ways alternate, ten times each, after one of each that is not counted.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=lab.sh
. benches/lab.sh
n=${1:-10}

with_packages
"$PGHA" lab up --image "$IMAGE" --dir "$lab" >/dev/null 2>&1
"$PGHA" apply "$lab/inventory.yml" >"$work/log" 2>&1
hosts=(node1 node2 node3 pooler1)

# sshd runs this instead of the command that a client asks for.
record='command="tee /run/probe | sh -c \\"$SSH_ORIGINAL_COMMAND\\"" '
for host in "${hosts[@]}"; do
  docker exec "$(container "$host")" sed -i.kept "s@^@$record@" /root/.ssh/authorized_keys
done
"$PGHA" plan "$lab/inventory.yml" --detailed-exitcode >"$work/log" 2>&1
for host in "${hosts[@]}"; do
  docker exec "$(container "$host")" mv /root/.ssh/authorized_keys.kept /root/.ssh/authorized_keys
  docker exec "$(container "$host")" cat /run/probe >"$work/probe.$host"
done

by_pgha() { "$PGHA" plan "$lab/inventory.yml" --detailed-exitcode; }

by_hand() {
  local host
  for host in "${hosts[@]}"; do
    hand "$host" /bin/sh <"$work/probe.$host" >"$work/answer.$host" &
  done
  wait
}

by_pgha >/dev/null 2>&1
by_hand 2>/dev/null
for host in "${hosts[@]}"; do
  echo "probe of $host: $(wc -c <"$work/probe.$host") bytes, answer $(wc -c <"$work/answer.$host") bytes"
done
for _ in $(seq "$n"); do
  seconds by_pgha >>"$work/pgha"
  seconds by_hand >>"$work/hand"
done
echo "pgha plan: $(median <"$work/pgha")"
echo "ssh:       $(median <"$work/hand")"
echo "ratio:     $(ratio "$(median <"$work/pgha" | cut -d' ' -f1)" "$(median <"$work/hand" | cut -d' ' -f1)")"
