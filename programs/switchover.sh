#!/bin/sh
# A member's part in a switchover, by steps: `pgha switchover` runs them. If nothing more is heard of it, the failsafe timer
# ends what they began.
#
# Why there is never more than one writable primary: the outgoing primary's host alone knows what was decided. While
# `/run/pgha/armed` is there, nobody may be promoted, and the timer starts the old primary again; that removes `armed`, so
# that nothing can be decided any more. `signed-off` replaces it once PostgreSQL is stopped and `standby.signal` is on disk,
# with the candidate's name beside it; from then on, even after a reboot, this server can only come back as a standby, and
# only then is that candidate promoted, by pgha, or by the candidate's timer, which asks this host first (`decided`). Every
# step and every timer holds this host's lock, so that none of them looks while another acts.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/control.sh
. "$lib/control.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"
# shellcheck source=programs/console.sh
. "$lib/console.sh"
# shellcheck source=programs/role.sh
. "$lib/role.sh"

# shellcheck disable=SC2154 # the host's values
open() {
  open_console env PGOPTIONS="$session" "$bin/psql" -t -p "$port" -d postgres
  ask 10 'select true' >/dev/null
}

# --- the outgoing primary ---------------------------------------------------------------------------------------------

# Ends the sessions that would hold up the pause: a transaction of theirs is idle, or older than that. A pooler's own are idle
# between transactions, and are not meant.
drain() { # SECONDS
  sql postgres "select pg_terminate_backend(pid) from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()
      and (state like 'idle in transaction%' or xact_start < now() - interval '$1 s')"
}

# Stops PostgreSQL and tells where its WAL ends. A signal and a look at the file that names its process: `systemctl stop`
# takes 0.3 s and more.
stop() { # SECONDS
  [ -e "$armed" ] || fail 'the timer has run out: nothing was begun'
  [ ! -e "$data/standby.signal" ] || fail 'this server is a standby by now: nothing was begun'
  runs || fail 'PostgreSQL does not run'
  echo "$pid" >"$state/stopping"
  signal INT "$pid"
  left=$(($1 * 150))
  while [ -e "$data/postmaster.pid" ]; do
    [ "$left" -gt 0 ] || fail "PostgreSQL did not stop within $1 s"
    left=$((left - 1))
    sleep 0.005
  done
  read_control
  value 'Database cluster state'
  [ "$value" = 'shut down' ] || fail "PostgreSQL was not shut down cleanly: $value"
  value 'Latest checkpoint location'
  location=$value
  value "Latest checkpoint's TimeLineID"
  timeline=$value
  control_segment
  # By its name: told only where to look, pg_waldump learns the size of segments from any file there, which may be one that
  # was made in advance and is empty. The record may go over into the next one.
  here=$(segment_of "$timeline" "$location")
  next=$(segment_after "$here")
  set -- "$data/pg_wal/$here"
  if [ -e "$data/pg_wal/$next" ]; then set -- "$@" "$data/pg_wal/$next"; fi
  record=$(as_postgres "$bin/pg_waldump" -s "$location" -n 1 "$@")
  case $record in *CHECKPOINT_SHUTDOWN*) ;; *) fail "the last record is no shutdown checkpoint: $record" ;; esac
  length=${record#*len (rec/tot):*/}
  length=${length%%,*}
  length=${length##* }
  stat -c '%i %s %.9Y' "$data/global/pg_control" >"$state/stopped"
  # The candidate must hold the record's end, not its start.
  echo "pgha-note end_of_wal $(record_end "$location" "$length")"
}

# The decision: from here on this server can only come back as a standby.
sign_off() { # CANDIDATE
  [ -e "$armed" ] || fail 'the timer has run out, and this server starts again as the primary'
  [ ! -e "$data/postmaster.pid" ] || fail 'somebody has started PostgreSQL again'
  read -r seen <"$state/stopped"
  [ "$(stat -c '%i %s %.9Y' "$data/global/pg_control")" = "$seen" ] || fail 'somebody has started PostgreSQL since it was stopped'
  mkdir -p "$kept"
  echo "$1" >"$handed_to"
  sync "$handed_to" "$kept"
  make_file "$data/standby.signal"
  # A server makes its file before it looks for the signal: where there is still none, whoever starts it now finds it.
  if [ -e "$data/postmaster.pid" ]; then
    rm -f "$handed_to"
    as_postgres rm -f "$data/standby.signal"
    fail 'somebody has started PostgreSQL again'
  fi
  mv "$armed" "$signed_off"
}

# Takes the decision back. Only once the candidate has stood down: then nobody has written since.
take_back() {
  if [ ! -e "$handed_to" ] && [ -e "$data/standby.signal" ]; then fail 'this server has found its place as a standby'; fi
  # The timer may have started it as a standby.
  if [ -e "$handed_to" ]; then halt INT; fi
  rm -f "$handed_to"
  as_postgres rm -f "$data/standby.signal"
  as_postgres sync "$data"
  if [ -e "$signed_off" ]; then mv "$signed_off" "$armed"; fi
}

# Whether that candidate may be promoted: 0 yes; 1 no, and it will not be; 2 not yet.
decided() { # CANDIDATE
  [ ! -e "$armed" ] || exit 2
  [ -e "$data/standby.signal" ] && [ -e "$handed_to" ] && read -r candidate <"$handed_to" && [ "$candidate" = "$1" ]
}

# --- the candidate ----------------------------------------------------------------------------------------------------

# Holds all that the old primary wrote, to the end of its last record.
received() { # LSN SECONDS
  case $1 in
    */*/* | /* | */ | *[!0-9A-F/]* | ?????????*/* | */?????????*) fail "$1 is no LSN" ;;
    # 0/0 is PostgreSQL's way to write that there is none.
    *[1-9A-F]*/* | */*[1-9A-F]*) ;;
    *) fail "$1 is no LSN" ;;
  esac
  ask "$(($2 + 1))" "do \$\$ begin
    for i in 1..$2 * 500 loop
      if greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) >= '$1' then return; end if;
      perform pg_sleep(0.002);
    end loop;
    raise 'WAL ends at %, the outgoing primary''s at $1', greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn());
  end \$\$"
}

# Without waiting in `pg_promote`, which looks every 100 ms.
promote() { # SECONDS
  [ -e "$armed" ] || fail 'the timer has run out'
  : >"$state/promoting"
  # The timer may have been first.
  (ask "$(($1 + 1))" 'select pg_promote(false)' "do \$\$ begin
    for i in 1..$1 * 500 loop
      if not pg_is_in_recovery() then return; end if;
      perform pg_sleep(0.002);
    end loop;
    raise 'it was not promoted within $1 s';
  end \$\$") || is_writable
}

# Will not be promoted by anything that is under way.
stand_down() {
  rm -f "$armed" "$pending"
  systemctl stop pgha-dead-man 2>/dev/null || :
  # The timer may have been first.
  case $(sql postgres 'select pg_is_in_recovery()' 2>/dev/null || :) in
    f) fail 'it was promoted' ;;
    t) [ -e "$state/promoting" ] || return 0 ;;
  esac
  # A server that is stopped forgets that it was asked to be promoted; one that has begun removes the file.
  halt INT
  as_postgres rm -f "$data/promote"
  if [ -e "$data/standby.signal" ]; then rm -f "$state/promoting"; fi
  systemctl start --no-block "$unit"
  [ -e "$data/standby.signal" ] || fail 'it was promoted'
  # What comes next may want to ask it; a disk that is full is not its matter.
  waited=0
  until sql postgres 'select true' >/dev/null 2>&1 || [ "$waited" -ge 100 ]; do
    waited=$((waited + 1))
    sleep 0.1
  done
}

step=$1
shift
case $step in
  open | drain | stop | received | promote | decided) "$step" "$@" ;;
  sign-off) sign_off "$@" ;;
  take-back) take_back ;;
  start-again) start_again ;;
  stand-down) stand_down ;;
  record) record "$@" ;;
  *) fail "there is no step $step" ;;
esac
