#!/bin/sh
# A pooler's part in a switchover and in a failover, by steps: `pgha switchover` and `pgha failover` run them.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/console.sh
. "$lib/console.sh"
# shellcheck source=programs/pooler.sh
. "$lib/pooler.sh"

# Returns once no server connection is in use: every transaction has ended, and new ones wait.
pause() { # SECONDS
  (ask "$1" 'PAUSE') || fail "transactions were still under way after $1 s"
}

# Clients that wait go on, at this member.
lead() { # MEMBER
  own=
  if [ ! -p "$console/in" ]; then
    own=yes
    open
  fi
  prepare "$1"
  databases=$(ask 5 'RELOAD' 'SHOW DATABASES')
  leads_to "$1" "$databases"
  # It refuses where nothing is paused.
  (ask 5 'RESUME') 2>/dev/null || resume
  if [ "$own" ]; then "$lib/pooler-failsafe" disarm; fi
}

# Waits until those who waited are served, at most for a moment: where there are more clients than connections, somebody
# always waits.
served() {
  tries=0
  until [ "$tries" -ge 10 ] || ask 5 'SHOW POOLS' | all_zero cl_waiting; do
    tries=$((tries + 1))
    sleep 0.01
  done
}

# An application gets through to the primary that members know. Its password comes on stdin.
login() { # USER DATABASE
  IFS= read -r PGPASSWORD || [ -n "$PGPASSWORD" ]
  export PGPASSWORD PGCONNECT_TIMEOUT=5
  find_primary || fail "$errors"
  # A standby does not answer this.
  # shellcheck disable=SC2154 # find_primary sets it
  seen=$(timeout 10 "$psql" -wXAtq -h /var/run/postgresql -p "$pooler_port" -U "$1" -d "$2" \
    -c "select ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint")
  [ "$seen" = "$timeline" ] || fail "a client gets to a server on timeline $seen, and the primary is $out"
}

step=$1
shift
case $step in
  open | pause | resume | lead | served | login) "$step" "$@" ;;
  *) fail "there is no step $step" ;;
esac
