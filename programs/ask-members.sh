#!/bin/sh
# Asks every member, or those that are named, all at the same time, what it is. A line each, `NAME ADDRESS PORT ANSWER`, the answer one of
#
#   primary TIMELINE SYSTEM   it takes writes; SYSTEM is the cluster's system identifier
#   standby
#   there REASON              it is up and does not tell: no connection is free, it is starting up or shutting down, it
#                             refuses the login, …
#   silent REASON             it gives no answer, or none in time
#
# “There” is never “not there”: such a member may be the primary. What a server says is read from stdout alone, since a
# warning at login goes to stderr, and whether it is there from exit codes, never from words, which may be of any language.
#
# Every program that wants to know who is the primary asks here. Exit code: 0, or 2 where it could not ask.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/asking.sh
. "$lib/asking.sh"
exec </dev/null

be_postgres "$@"

# Seconds that a member has. A busy machine takes its time; who asks before anything is begun can wait for longer.
patience=${PGHA_PATIENCE:-3}
# The same in all, whatever it does, and with a fraction if need be.
limit=${PGHA_LIMIT:-$((patience + 2))}

if ! can_ask; then
  echo "$errors" >&2
  exit 2
fi

# The name of a WAL file begins with the timeline, in hexadecimal. On a standby it cannot be asked for.
question="select case when pg_is_in_recovery() then 'standby' else 'primary '
    || ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint || ' ' || system_identifier end
  from pg_control_system()"

# `timeout` is for a member that accepts the connection and says nothing more.
# shellcheck disable=SC2154 # the host's values
ask() { # NAME ADDRESS PORT
  began=$(seconds)
  apart plainly timeout -k 1 "$limit" "$psql" -wXAtq -h "$2" -p "$3" -U "$watch_user" -d postgres -c "$question"
  answer=$(printf '%s\n' "$out" | head -n 1)
  # Whoever reads it compares numbers.
  case $answer in 'primary '*[!0-9\ ]* | 'primary '*' '*' '*) answer= ;; esac
  case $answer in
    # An answer is one also where what gave it was ended before it was gone.
    standby | 'primary '[1-9]*' '[1-9]*) ;;
    *)
      kind=silent
      case $code in
        # It ran out of time.
        124 | 137) ;;
        0) kind=there ;;
        *)
          # One that took its time gave no answer, and would take as long again.
          if [ $(($(seconds) - began)) -lt $((patience - 1)) ]; then
            code=0
            is_ready "$2" "$3" || code=$?
            # 0 is “takes connections”, also where none is free; 1 “refuses them for now”.
            case $code in 0 | 1) kind=there ;; esac
          fi
          ;;
      esac
      answer="$kind $(printf '%s' "$errors" | tr -s '[:space:][:cntrl:]' ' ')"
      ;;
  esac
  # In one write, so that answers do not mix.
  printf '%s %s %s %s\n' "$1" "$2" "$3" "$answer"
}

# In the order of their names: whoever compares what was said last with what is said now sees no difference where there is none.
# shellcheck disable=SC2154 # the host's values
{
  while read -r name address port; do
    case " ${*:-$name} " in *" $name "*) ask "$name" "$address" "$port" & ;; esac
  done <<END
$members
END
  wait
} | sort
