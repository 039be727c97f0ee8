#!/bin/sh
# Waits until there is reason to ask who is the primary, for SECONDS at most: keeps a connection to each member that is named
# and asks it every so many seconds what it is. Prints the reason,
#
#   NAME primary OTHER…    it takes writes; the others have told what they are, if there was time to
#   NAME lost              it has told, and does not any more
#
# or nothing. It decides nothing: whoever waits for it asks `ask-members`.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/asking.sh
. "$lib/asking.sh"
exec </dev/null

be_postgres "$@"

seconds=$1 every=$2
shift 2
patience=2
if ! can_ask; then
  sleep "$seconds"
  exit
fi

# A line for each answer, and `NAME silent` where there is none any more. What was sent and is not even acknowledged ends the
# connection, so that a member that is in reach again is asked anew soon; one that is frozen answers when it goes on.
# shellcheck disable=SC2154 # the host's values
keep_asking() { # NAME ADDRESS PORT
  while :; do
    until_over exec_plainly "$psql" -wXAtq -F ' ' -v name="$1" -v every="$every" -h "$2" -p "$3" -U "$watch_user" \
      -d 'dbname=postgres tcp_user_timeout=3000 keepalives_idle=3 keepalives_interval=1 keepalives_count=3' \
      -f "$lib/is-standby.sql" 2>/dev/null || :
    echo "$1 silent"
    until_over sleep 3
  done
}

at_the_end() {
  until_over sleep "$seconds"
  echo '- end'
}

began=$(seconds)
{
  beside at_the_end
  while read -r name address port; do
    case " $* " in *" $name "*) beside keep_asking "$name" "$address" "$port" ;; esac
  done <<END
$members
END
  all_begun
} | {
  told=' ' pids='' all=''
  while read -r name kind pid; do
    case $kind in
      pid) pids="$pids $pid" ;;
      all) all=yes ;;
      end) break ;;
      primary)
        # Who could have told by now, and has not, is silent.
        if [ $(($(seconds) - began)) -lt 2 ]; then told=; fi
        echo "$name primary$told"
        break
        ;;
      standby) case $told in *" $name "*) ;; *) told="$told$name " ;; esac ;;
      silent)
        case $told in
          *" $name "*)
            echo "$name lost"
            break
            ;;
        esac
        ;;
    esac
  done
  # shellcheck disable=SC2086 # as words
  over $pids
}
