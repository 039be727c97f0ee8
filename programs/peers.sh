# shellcheck shell=sh
# What the other members' hosts know, over SSH as postgres: also of those whose PostgreSQL is down, or has no connection free.
# shellcheck disable=SC2034,SC2154 # the programs read what is set here; the host's values

ssh_to() { # ADDRESS COMMAND…
  as_postgres timeout "${patience:-15}" ssh -F "$ssh_config" -q -o ConnectTimeout=2 "$@" </dev/null
}

# Where all the others are, into $places: `NAME SYSTEM TIMELINE` each, or `NAME unknown 0`. Fails if one could not be asked.
ask_others() {
  places=$(
    while read -r name address _; do
      [ "$name" = "$me" ] || where_is "$name" "$address" &
    done <<END
$members
END
    wait
  )
  case $places in *" unknown "*) return 1 ;; esac
}

# Nothing where it has no cluster.
where_is() { # NAME ADDRESS
  there=$(patience=4 && ssh_to "$2" "$lib/timeline" 2>/dev/null) || there='no answer'
  # What a shell prints when somebody logs in comes before it.
  there=$(printf '%s\n' "$there" | tail -n 1)
  case $there in
    '') ;;
    *[!0-9\ ]* | *\ *\ * | \ * | *\ ) echo "$1 unknown 0" ;;
    *\ *) echo "$1 $there" ;;
    *) echo "$1 unknown 0" ;;
  esac
}

# What that member's host says of its server, see `standing.sh`; nothing where it gives no answer.
standing_at() { # ADDRESS
  (patience=4 && ssh_to "$1" "$lib/standing" 2>/dev/null) || :
}

# A former primary that has once been told so stays one, also where nobody is left to tell it, and after a reboot. What is
# remembered ends by itself: data that come back by `pgha rejoin` are on that timeline, or a higher one.
remember_replaced() { # NAME SYSTEM TIMELINE
  keep_line replaced "$*"
}

# Whether this server, at that position, is known to have been replaced; by whom and on which timeline, into $replaced_by and
# $replaced_on.
was_replaced() { # SYSTEM TIMELINE
  read_mark replaced "$1" && [ "${replaced_on:-0}" -gt "$2" ]
}

# What is remembered of that system; fails where that is nothing.
read_mark() { # NAME SYSTEM
  [ -e "$kept/$1" ] && read -r replaced_by replaced_system replaced_on <"$kept/$1" && [ "$replaced_system" = "$2" ]
}

# One that was on the same timeline, and for which another goes on (`contest.sh`), stays stopped likewise. It ends with
# data that are on a higher timeline, and with somebody's word that it may run.
remember_outvoted() { # NAME SYSTEM TIMELINE
  keep_line outvoted "$*"
}

was_outvoted() { # SYSTEM TIMELINE
  read_mark outvoted "$1" && [ "${replaced_on:-0}" -ge "$2" ]
}

# What a host's administrator can do about it.
advice="To make it a standby: pgha rejoin INVENTORY $me. To let it take writes all the same: touch $guard_off"
