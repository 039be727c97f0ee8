# shellcheck shell=sh
# A handover that was cut off is over once its timers have ended it; they need the lock themselves.
tries=0
while [ -e /run/pgha/armed ] || [ -e /run/pgha/signed-off ] || [ -e /run/pgha/pooler-armed ]; do
  [ $tries = 0 ] && echo 'waiting for a handover on this host to end' >&2
  tries=$((tries + 1)); [ $tries -lt 300 ] || break; sleep 0.2
done
