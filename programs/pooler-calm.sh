#!/bin/sh
# While clients are where the primary is: returns when there is reason to ask who that is, or after a minute, as another may take writes beside it;
# of many poolers each waits for longer.
#
# pgbouncer's own connections tell, and cost the primary nothing: they break when it ends. One that is frozen breaks none, so
# every few seconds it is asked whether it takes connections; the more poolers, the less often by each, so that a member
# answers at most two of them a second.
#
# Prints the reason: `connections` broke, pgbouncer's `console` ended, the `primary` does not take connections, or it was
# `time`. Exit code: 0; 1 where it cannot wait for this.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/asking.sh
. "$lib/asking.sh"
exec </dev/null

be_postgres "$@"

address=$1 port_there=$2
patience=2
# shellcheck disable=SC2154 # the host's values
every=$((poolers > 10 ? (poolers + 1) / 2 : 5))
can_ask || exit 1

# A pgbouncer that is down is led when it starts, and one that was asks for a look.
watch_servers() {
  until_over exec_plainly PGPASSFILE=/nonexistent "$psql" -XAtq -F ' ' -h /var/run/postgresql -p "$pooler_port" \
    -U pgbouncer -d pgbouncer -f "$lib/servers.sql" 2>/dev/null || :
  until_over sleep "$every"
  echo 'console end'
}

# Not all poolers at the same time.
watch_primary() {
  until_over sleep "$(random "$every")"
  while is_ready "$address" "$port_there"; do until_over sleep "$every"; done
  echo 'primary end'
}

at_the_end() {
  until_over sleep "$((every * 12 + $(random "$every")))"
  echo 'time end'
}

began=$(seconds)
{
  beside at_the_end
  beside watch_servers
  beside watch_primary
  all_begun
} | {
  pids='' all='' most=0 broken=''
  while read -r name value pid; do
    case $name,$value in
      -,pid) pids="$pids $pid" ;;
      -,all) all=yes ;;
      *,end) break ;;
      used_servers,*)
        name=connections
        # A few are closed all the time, more than half of them are not.
        if [ "$value" -gt "$most" ]; then most=$value; fi
        if [ "$((value * 2))" -lt "$most" ]; then broken=yes; fi
        # Where logins fail all the time, looks are few all the same.
        if [ "$broken" ] && [ $(($(seconds) - began)) -ge "$every" ]; then break; fi
        ;;
    esac
  done
  echo "$name"
  # shellcheck disable=SC2086 # as words
  over $pids
}
