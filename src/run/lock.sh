# shellcheck shell=sh
# Takes the lock that is open as 9, or waits for it: SECONDS.
flock -n 9 && exit
echo 'waiting for another run of pgha on this host' >&2
flock -w "$1" 9
