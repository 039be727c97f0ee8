# shellcheck shell=sh
# Stops a PostgreSQL server: UNIT DATA SECONDS. Its unit, so that systemd does not start it again, and then its process: one that
# somebody started past systemd (`pg_ctlcluster` as postgres) is not in the unit, and stopping that stops nothing.
systemctl stop -- "$1" || { code=$?; systemctl status --no-pager --full -n 20 -- "$1" >&2; exit $code; }
runs() { # DATA
  pid=$(as postgres sed -n '1{p;q}' "$1/postmaster.pid" 2>/dev/null)
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  { read -r comm <"/proc/$pid/comm"; } 2>/dev/null && [ "$comm" = postgres ]
}
tenths=0
while runs "$2"; do
  # shellcheck disable=SC2016 # it is the inner shell that expands
  if [ "$tenths" = 0 ]; then as postgres sh -c 'kill -s INT "$1"' sh "$pid"; fi
  tenths=$((tenths + 1))
  if [ "$tenths" -gt $(($3 * 10)) ]; then echo "PostgreSQL did not stop within $3 s" >&2; exit 1; fi
  sleep 0.1
done
