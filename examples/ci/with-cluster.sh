#!/bin/sh
# Runs a command against a disposable PostgreSQL cluster: `with-cluster.sh make test`.
#
# The command finds the connection string, with the password, in PGHA_CONNINFO, and the inventory in PGHA_INVENTORY. The cluster is
# taken down however the command ends, also by a signal. The exit code is the command's.
#
# PGHA_LAB is the lab's folder: give it where a later step is to take the lab down as well (`pgha lab down --dir "$PGHA_LAB"`).
# PGHA_RESULTS, if given, is a folder that gets `status.json`, which holds no password.
set -eu

lab=${PGHA_LAB:-$(mktemp -u "${TMPDIR:-/tmp}/pgha-ci-XXXXXX")}

# shellcheck disable=SC2317 # The traps call it.
down() {
    code=$?
    trap - EXIT
    pgha lab down --dir "$lab" >&2 || code=1
    exit "$code"
}
trap down EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

pgha lab up --apply --dir "$lab" >&2
PGHA_INVENTORY=$lab/inventory.yml
PGHA_CONNINFO=$(pgha conninfo "$PGHA_INVENTORY" --show-password)
export PGHA_INVENTORY PGHA_CONNINFO

# In the background, so that a signal ends the wait and not only the command.
"$@" &
child=$!
trap 'kill "$child" 2>/dev/null || :; exit 129' HUP
trap 'kill "$child" 2>/dev/null || :; exit 130' INT
trap 'kill "$child" 2>/dev/null || :; exit 143' TERM
code=0
wait "$child" || code=$?

if [ -n "${PGHA_RESULTS:-}" ]; then
    mkdir -p "$PGHA_RESULTS"
    pgha status "$PGHA_INVENTORY" --json >"$PGHA_RESULTS/status.json" || [ "$code" != 0 ] || code=1
fi
exit "$code"
