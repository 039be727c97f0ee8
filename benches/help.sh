#!/bin/bash
# How long pgha takes to say how it is used, and how much memory an inventory of 100 hosts needs.
#
# Method: `pgha --help` two hundred times in a row, the mean of each ten; and the largest resident set of `pgha validate`
# (GNU time), which reads an inventory of 97 members and 3 poolers and plans a bootstrap of all of them for each of three
# releases, without connecting. A plan against 100 real hosts was not measured.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=lab.sh
. benches/lab.sh

for _ in $(seq 20); do
  from=$EPOCHREALTIME
  for _ in $(seq 10); do "$PGHA" --help >/dev/null; done
  awk -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", (b - a) * 100 }'
done | echo "pgha --help, ms: $(median)"

{
  echo 'all:'
  echo '  vars: { postgresql_users: [{ name: app }], postgresql_databases: [{ name: app, owner: app }] }'
  echo '  children:'
  echo '    postgres:'
  echo '      hosts:'
  for n in $(seq 97); do echo "        node$n: { ansible_host: 192.0.2.$n }"; done
  echo '    pgbouncer:'
  echo '      hosts:'
  for n in $(seq 3); do echo "        pooler$n: { ansible_host: 198.51.100.$n }"; done
} >"$work/inventory.yml"
/usr/bin/time -f 'validate of 100 hosts: %M KiB at most, %e s' "$PGHA" validate "$work/inventory.yml"
