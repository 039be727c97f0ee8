#!/bin/sh
# Runs as long as a member's host does. A primary that was frozen or cut off while another was promoted has been replaced, and
# stops as soon as it can see that; with `cluster_isolation_timeout`, also while it sees nobody.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/control.sh
. "$lib/control.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"
# shellcheck source=programs/peers.sh
. "$lib/peers.sh"

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
    if is_past "$system" "$timeline"; then with_lock give_up "$name" "$system" "$timeline" || :; fi
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
  if ! is_past "$2" "$3" || [ -e "$guard_off" ] || [ -e "$data/standby.signal" ]; then return 0; fi
  remember_replaced "$1" "$2" "$3"
  echo "PostgreSQL is being stopped: $1 is on timeline $3, this server on ${own#* }: it has been replaced. $advice"
  stop_server
  echo 'PostgreSQL is stopped'
}

# --- isolation --------------------------------------------------------------------------------------------------------

# A primary that is cut off from all others cannot know whether one of them was promoted.
# shellcheck disable=SC2154 # the host's values
stop_where_isolated() {
  now=$(seconds)
  if reaches_somebody; then
    alone_since=
    return 0
  fi
  alone_since=${alone_since:-$now}
  if [ $(($(seconds) - alone_since)) -lt "$isolation_timeout" ]; then return 0; fi
  with_lock isolate || :
  alone_since=
}

isolate() {
  echo "PostgreSQL is being stopped: no other member has answered for $isolation_timeout s, and one of them may have been promoted. It is started as soon as one answers"
  : >"$isolated"
  stop_server
}

# Whether it may run is the guard's to say.
start_where_seen() {
  reaches_somebody || return 0
  echo 'another member answers: PostgreSQL is started'
  rm "$isolated"
  systemctl start --no-block "$unit" || :
}

# Whether another member's PostgreSQL says anything, or the witness's, or at least a member's host.
reaches_somebody() {
  answers=$(
    while read -r name address port_there; do
      [ "$name" = "$me" ] || answers "$address" "$port_there" &
    done <<END
$members${witness:+
witness $witness}
END
    wait
  )
  [ -z "$answers" ] || return 0
  ask_others || :
  # Nothing of whoever has no cluster; of the others, a line each.
  [ "$(printf '%s\n' "$places" | grep -c ' unknown ')" -lt "$(($(printf '%s\n' "$members" | wc -l) - 1))" ]
}

answers() { # ADDRESS PORT
  code=0
  "$bin/pg_isready" -q -t 2 -h "$1" -p "$2" || code=$?
  case $code in 0 | 1) echo yes ;; esac
}

# ----------------------------------------------------------------------------------------------------------------------

# Waits until another member takes writes or is lost, or it is time to look in any case.
await_news() {
  limit=60
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
alone_since='' news=start looked=0 rest=2
while sleep "$rest"; do
  rest=2
  if [ -e "$isolated" ]; then
    start_where_seen
    news=start
    continue
  fi
  if [ -e "$data/standby.signal" ] || [ -e "$guard_off" ] || ! runs; then
    news=start
    continue
  fi
  if [ "$isolation_timeout" -gt 0 ]; then stop_where_isolated; fi
  if [ "$news" ] || [ $(($(seconds) - looked)) -ge 60 ]; then look; fi
  await_news
done
