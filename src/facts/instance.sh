# shellcheck shell=sh
# A server as it can be seen without a session. Around the questions of `server.sql`, which `ask` asks: DATA PORT PG_ISREADY.

# Whether a server has the data directory open; its process in $pid, the status that is in its pid file in $status.
is_there() { # DATA
  pid=$(as postgres sed -n '1p' "$1/postmaster.pid" 2>/dev/null)
  status=$(as postgres sed -n '8s/ *$//p' "$1/postmaster.pid" 2>/dev/null)
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  { read -r comm <"/proc/$pid/comm"; } 2>/dev/null && [ "$comm" = postgres ]
}

# One that starts is given the ten seconds in which most are up.
tries=0
while is_there "$1" && [ "$status" = starting ] && [ "$tries" -lt 20 ]; do
  tries=$((tries + 1))
  sleep 0.5
done

code=0
ask || code=$?
if is_there "$1"; then
  { read -r _ _ kernel _ <"/proc/$pid/stat"; } 2>/dev/null
  # What came before may have been cut off within a line.
  printf '\nprocess %s\n' "$pid ${kernel:-?} $status"
fi
if [ "$code" != 0 ]; then
  ping=0
  "$3" -q -t 3 -h /var/run/postgresql -p "$2" || ping=$?
  printf '\nping %s\n' "$ping"
fi
exit "$code"
