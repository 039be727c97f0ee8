# shellcheck shell=sh
# Two members that take writes on one timeline: each was promoted where it did not see the other, or started without its signal.
# Their timelines do not tell who has been replaced, so one of them is decided on, and the other stops: what it alone has is
# on its disk, and `pgha rejoin` asks before it is given up. Poolers meanwhile stay where they are.
#
# One host decides, once, and the other asks it: so both never stop, and never both go on once they see each other. It is the
# one whose name comes first, which both know, and it keeps its word on disk before anybody acts on it. Whom more members
# follow goes on, then where more sessions of applications are, then the one that decides.
# shellcheck disable=SC2154 # the host's values

# Who goes on, into $winner; fails where that is not decided.
find_winner() { # NAME ADDRESS SYSTEM TIMELINE
  if [ "$(printf '%s\n' "$me" "$1" | sort | head -n 1)" != "$me" ]; then
    read_verdict "$3" "$4" <<END
$(standing_at "$2" | sed -n "s/^verdict $me //p")
END
    return
  fi
  is_decided "$1" "$3" "$4" || {
    decide "$1" "$2" && keep_line "verdict.$1" "$winner $3 $4" && is_decided "$1" "$3" "$4"
  }
}

is_decided() { # NAME SYSTEM TIMELINE
  [ -e "$kept/verdict.$1" ] && read_verdict "$2" "$3" <"$kept/verdict.$1"
}

# A verdict on stdin, of another contest or not.
read_verdict() { # SYSTEM TIMELINE
  read -r winner winner_system winner_timeline && [ "$winner_system $winner_timeline" = "$1 $2" ]
}

decide() { # NAME ADDRESS
  read -r own_kind own_followers own_sessions <<END
$("$lib/standing" | tail -n 1)
END
  read -r their_kind followers sessions <<END
$(standing_at "$2" | tail -n 1)
END
  case "$own_kind $their_kind $own_followers $own_sessions $followers $sessions" in
    'primary primary '[0-9]*' '[0-9]*' '[0-9]*' '[0-9]*) ;;
    *) return 1 ;;
  esac
  winner=$me
  if [ "$followers" -gt "$own_followers" ] || { [ "$followers" = "$own_followers" ] && [ "$sessions" -gt "$own_sessions" ]; }; then
    winner=$1
  fi
}
