#!/bin/sh
# Runs as long as a member's host does. A primary that was frozen or cut off while another was promoted has been replaced, and
# stops as soon as it can see that; of two on one timeline, one does (`contest.sh`). With `cluster_isolation_timeout` it also
# stops while it sees too few to know (`quorum.sh`).
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/control.sh
. "$lib/control.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"
# shellcheck source=programs/peers.sh
. "$lib/peers.sh"
# shellcheck source=programs/quorum.sh
. "$lib/quorum.sh"
# shellcheck source=programs/contest.sh
. "$lib/contest.sh"

# Not while pgha is at work here: it looks for itself. But whoever holds the lock for longer does not keep a second primary
# alive.
with_lock() { # COMMAND ARGUMENT…
  (
    open_lock
    flock -w 5 9 || :
    "$@"
  )
}

# One look. A member that is up and does not tell by SQL, e.g. since no connection is free, is asked over SSH. Where one
# could be another primary, it looks again soon.
look() {
  news='' looked=$(seconds)
  answers=$(PGHA_PATIENCE=2 "$lib/ask-members" 2>/dev/null) || return 0
  own=
  while read -r name address _ kind timeline system; do
    [ "$name" != "$me" ] || continue
    if [ "$kind" = there ]; then
      read -r name system timeline <<END
$(where_is "$name" "$address")
END
    elif [ "$kind" != primary ]; then
      continue
    fi
    news=uneasy
    case $system in '' | unknown) continue ;; esac
    own=${own:-$(position)}
    if is_past "$system" "$timeline"; then
      with_lock give_up "$name" "$system" "$timeline" || :
    elif [ "$system $timeline" = "$own" ]; then
      contest "$name" "$address" "$system" "$timeline"
    fi
  done <<END
$answers
END
}

# Whether that member is past a promotion that this server has not seen.
is_past() { # SYSTEM TIMELINE; $own
  [ "$1" = "${own% *}" ] && [ "$2" -gt "${own#* }" ]
}

give_up() { # NAME SYSTEM TIMELINE
  # Once more: to look takes seconds.
  own=$(position)
  if ! is_past "$2" "$3" || [ -e "$guard_off" ] || is_standby; then return 0; fi
  remember_replaced "$1" "$2" "$3"
  echo "PostgreSQL is being stopped: $1 is on timeline $3, this server on ${own#* }: it has been replaced. $advice"
  stop_server
  echo 'PostgreSQL is stopped'
}

# --- what commits wait for --------------------------------------------------------------------------------------------

# Once this server is dead nobody else can tell it: its settings are its own. Read by `pgha failover`.
record_synchronous() {
  now=$(seconds)
  [ "$now" -ge "$record_due" ] || return 0
  record_due=$((now + 30))
  synchronous=$(as_postgres env PGCONNECT_TIMEOUT=2 PGOPTIONS="$session" timeout 5 "$bin/psql" -XAtq -p "$port" -d postgres -f "$lib/synchronous.sql" 2>/dev/null) || return 0
  case $synchronous in '{'*'}') keep_line synchronous "$synchronous" ;; esac
}

# --- two on one timeline ----------------------------------------------------------------------------------------------

contest() { # NAME ADDRESS SYSTEM TIMELINE; $kind of answer
  # shellcheck disable=SC2154 # find_winner sets it
  if find_winner "$@"; then
    [ "$winner" = "$me" ] || with_lock yield_to "$1" "$3" "$4" || :
  elif [ "$kind" = primary ] && [ "$undecided" != "$1 $4" ]; then
    undecided="$1 $4"
    echo "$1 takes writes, too, on the same timeline $4, and it cannot be decided which of the two goes on, since one does not get an answer over SSH. Stop PostgreSQL on the one whose writes are to be given up, then: pgha rejoin INVENTORY NODE" >&2
  fi
}

yield_to() { # NAME SYSTEM TIMELINE
  if [ "$(position)" != "$2 $3" ] || [ -e "$guard_off" ] || is_standby; then return 0; fi
  remember_outvoted "$@"
  echo "PostgreSQL is being stopped: $1 takes writes, too, on the same timeline $3, and it is decided that $1 goes on. $advice"
  stop_server
  echo 'PostgreSQL is stopped'
}

# --- isolation --------------------------------------------------------------------------------------------------------

# A primary that is cut off cannot know whether another was promoted.
# shellcheck disable=SC2154 # the host's values; is_cut_off sets the others
stop_where_isolated() {
  now=$(seconds)
  if ! is_cut_off; then
    alone_since=
    return 0
  fi
  alone_since=${alone_since:-$now}
  if [ $(($(seconds) - alone_since)) -lt "$isolation_timeout" ]; then return 0; fi
  with_lock isolate || :
  alone_since=
}

isolate() {
  echo "PostgreSQL is being stopped: for $isolation_timeout s more of the other members and witness have been out of sight ($far) than in sight ($near), and one of them may have been promoted. It is started as soon as that is over"
  : >"$isolated"
  stop_server
}

# Whether it may run is the guard's to say.
start_where_seen() {
  ! is_cut_off || return 0
  echo 'enough of the others are in sight: PostgreSQL is started'
  rm "$isolated"
  systemctl start --no-block "$unit" || :
}

# ----------------------------------------------------------------------------------------------------------------------

# Waits until another member takes writes or is lost, or it is time to look in any case.
await_news() {
  limit=30
  if [ "$isolation_timeout" -gt 0 ]; then
    # Its own clock runs already.
    [ -z "$alone_since" ] || return 0
    limit=$((isolation_timeout / 4))
  fi
  if [ "$news" ]; then limit=5; fi
  began=$(seconds)
  # shellcheck disable=SC2086 # as words
  said=$("$lib/await-news" "$limit" 1 $others 2>/dev/null) || :
  news=${said:-$news}
  # It has rested already.
  if [ $(($(seconds) - began)) -ge 2 ]; then rest=0; fi
}

others=$(printf '%s\n' "$members" | while read -r name _; do [ "$name" = "$me" ] || echo "$name"; done)
alone_since='' undecided='' record_due=0 news=start looked=0 rest=2
while sleep "$rest"; do
  rest=2
  if [ -e "$isolated" ]; then
    # Somebody has started it, or it could not be stopped: it is looked at like any other.
    if runs; then
      rm "$isolated"
    else
      start_where_seen
      news=start
      continue
    fi
  fi
  end_guard_off
  if [ -e "$guard_off" ] || ! runs || is_standby; then
    news=start
    continue
  fi
  if [ "$isolation_timeout" -gt 0 ]; then stop_where_isolated; fi
  if [ "$news" ] || [ $(($(seconds) - looked)) -ge 60 ]; then look; fi
  record_synchronous || :
  await_news
done
