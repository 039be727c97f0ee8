#!/bin/sh
# Prints what this member's server is, as its own host knows it; other members ask over SSH, as postgres. The last line is one of
#
#   down                          its process does not run, or there is no cluster: it votes for nobody
#   standby
#   primary FOLLOWERS SESSIONS    it takes writes; how many members stream from it, and how many sessions applications have there
#   there                         it runs, and does not tell
#
# Before it stands what was decided here about each other member that took writes on the same timeline:
#
#   verdict MEMBER WINNER SYSTEM TIMELINE
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"

for verdict in "$kept"/verdict.*; do
  [ ! -e "$verdict" ] || echo "verdict ${verdict##*/verdict.} $(cat "$verdict")"
done

if ! runs; then
  echo down
  exit
fi

# shellcheck disable=SC2154 # the host's values
names=$(printf '%s\n' "$members" | cut -d ' ' -f 1 | tr '\n' ' ')
sql postgres "select case when pg_is_in_recovery() then 'standby' else 'primary '
    || (select count(distinct application_name) from pg_stat_replication
      where state = 'streaming' and application_name = any (string_to_array('$(literal "$names")', ' '))) || ' '
    || (select count(*) from pg_stat_activity join pg_roles on rolname = usename
      where backend_type = 'client backend' and not rolsuper and usename <> '$(literal "$watch_user")') end" 2>/dev/null ||
  echo there
