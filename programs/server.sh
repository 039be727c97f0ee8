# shellcheck shell=sh
# This member's PostgreSQL: whether its process runs, how it is stopped, what it is asked.
# shellcheck disable=SC2154 # the host's values

sql() { # DATABASE STATEMENT…: as postgres, over the local socket
  database=$1
  shift
  for statement; do
    set -- "$@" -c "$statement"
    shift
  done
  as_postgres env PGCONNECT_TIMEOUT=2 PGOPTIONS="$session" \
    timeout 10 "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -p "$port" -d "$database" "$@"
}

literal() { # TEXT: what stands between the quotes of an SQL literal
  printf '%s\n' "$1" | sed "s/'/''/g"
}

is_writable() { [ "$(sql postgres 'select not pg_is_in_recovery()' 2>/dev/null)" = t ]; }

# Whether a server has the data directory open, and its process in $pid. The process is looked at: after a crash the number in
# its file may be another's, and whoever started it past systemd is not in its unit.
runs() {
  pid=
  [ -e "$data/postmaster.pid" ] || return 1
  pid=$(as_postgres sed -n '1{p;q}' "$data/postmaster.pid" 2>/dev/null) || return 1
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  { read -r command <"$proc/$pid/comm"; } 2>/dev/null && [ "$command" = postgres ]
}

# Whether the server that runs is a standby. Its control data say so; the file says only how it would start.
is_standby() {
  [ -e "$data/standby.signal" ] || return 1
  read_control
  value 'Database cluster state'
  [ "$value" != 'in production' ]
}

signal() { # SIGNAL PID: as postgres, since the number is from a file of its own
  # shellcheck disable=SC2016 # it is the inner shell that expands
  as_postgres sh -c 'kill -s "$1" "$2"' sh "$1" "$2" 2>/dev/null || :
}

# The process ends, whatever that takes; returns once it is gone.
halt() { # SIGNAL: INT asks for a fast shutdown, QUIT for an immediate one
  waited=0
  while runs; do
    case $waited in
      0) signal "$1" "$pid" ;;
      20) signal QUIT "$pid" ;;
      40) as_postgres pkill -KILL -P "$pid" || : ;;
      # The one signal that a process which was stopped by a signal heeds.
      60) signal KILL "$pid" ;;
    esac
    waited=$((waited + 1))
    [ "$waited" -lt 100 ] || fail 'PostgreSQL does not stop'
    sleep 0.1
  done
}

is_frozen() {
  runs || return 1
  { read -r _ _ kernel _ <"$proc/$pid/stat"; } 2>/dev/null || return 1
  case $kernel in T | t) return 0 ;; *) return 1 ;; esac
}

# Its unit is stopped, so that systemd does not start it again, and then its process: `pg_ctlcluster` as postgres goes past
# systemd, and stopping the unit then stops nothing. One that was stopped by a signal heeds none but the last, and systemd would
# wait for it.
stop_server() {
  if is_frozen; then
    as_postgres pkill -KILL -P "$pid" || :
    signal KILL "$pid"
  fi
  timeout 30 systemctl stop "$unit" || :
  halt INT
}

# How this member reaches another one, without a database's name.
conninfo() { # NAME
  while read -r name conninfo; do
    if [ "$name" = "$1" ]; then
      printf '%s\n' "$conninfo"
      return
    fi
  done <<END
$upstreams
END
  fail "no member is called $1"
}

# SYSTEM TIMELINE of this server, running or not: the cluster's system identifier, and the timeline on which it is.
position() {
  read_control
  value 'Database system identifier'
  identifier=$value
  control_timeline
  # A standby's control data are behind what it receives.
  if [ -e "$data/standby.signal" ] && runs; then
    value=$(sql postgres 'select coalesce(max(received_tli), 0) from pg_stat_wal_receiver' 2>/dev/null) || value=0
    if [ "${value:-0}" -gt "$timeline" ]; then timeline=$value; fi
  fi
  echo "$identifier $timeline"
}
