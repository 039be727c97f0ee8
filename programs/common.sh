# shellcheck shell=sh disable=SC2034 # the programs read what is set here
# What every program of pgha's on a host shares: the host's values, who runs what, the lock. A program reads it first:
# `. "${0%/*}/common.sh"`.
#
# Root opens nothing by a name that another user could have planted: a file in a folder that is not root's alone is read
# and written as that folder's owner (`as_postgres`, `owner_of`). What must outlive a reboot is in a folder of root's.
set -eu
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8

lib=${0%/*}
# What is under way. It is gone after a reboot.
state=/run/pgha
# What must outlive a reboot.
kept=/var/lib/pgha
proc=/proc
ssh_config=/etc/pgha/ssh_config
home=/var/lib/postgresql
clients=/usr/lib/postgresql
# Somebody's word that this host's PostgreSQL may run whatever the others say.
guard_off=/run/pgha-guard-off
# Seconds that it holds, from when the file was last touched.
guard_off_for=3600
# There while a primary is down since it saw nobody.
isolated=/run/pgha-isolated
# shellcheck source=tests/programs/host.conf
. "$lib/host.conf"
# shellcheck source=programs/owner.sh
. "$lib/owner.sh"

uid=$(id -u)

fail() { echo "$*" >&2; exit 1; }

# Without a PAM session, and so without a line in the journal for each look.
as_postgres() { # COMMAND ARGUMENT…
  if [ "$uid" != 0 ]; then "$@"; return; fi
  setpriv --reuid=postgres --regid=postgres --init-groups -- \
    env HOME="$home" USER=postgres LOGNAME=postgres "$@"
}

# An empty file of postgres's, with mode 0600, that is on disk when this returns.
make_file() { # PATH
  # shellcheck disable=SC2016 # it is the inner shell that expands
  as_postgres sh -c 'umask 077 && : >"$1" && sync "$1" "${1%/*}"' sh "$1"
}

# One line in a file of $kept, in the place of what it held, on disk when this returns.
keep_line() { # NAME LINE
  mkdir -p "$kept"
  printf '%s\n' "$2" >"$kept/$1.new"
  sync "$kept/$1.new"
  mv "$kept/$1.new" "$kept/$1"
  sync "$kept"
}

# The newest psql, into $psql. Debian's own is a program in Perl that looks for it for longer than a question takes.
find_psql() {
  for psql in "$clients"/*/bin/psql; do :; done
}

# Runs a command: what it writes to stdout, its exit code and what it writes to stderr, into $out, $code and $errors.
apart() { # COMMAND ARGUMENT…
  out=$(
    {
      code=0
      errors=$("$@" 2>&1 1>&3) || code=$?
      printf '\036%s\036%s' "$code" "$errors"
    } 3>&1
  )
  errors=${out#*"$between"}
  out=${out%%"$between"*}
  code=${errors%%"$between"*}
  errors=${errors#*"$between"}
}
between=$(printf '\036')

# Somebody's word does not hold for ever. A time that is yet to come, e.g. since the clock was set back, is none.
end_guard_off() {
  [ -e "$guard_off" ] || return 0
  age=$(($(date +%s) - $(stat -c %Y "$guard_off")))
  if [ "$age" -ge -60 ] && [ "$age" -lt "$guard_off_for" ]; then return 0; fi
  rm -f "$guard_off"
  echo "$guard_off is over, and removed"
}

# Whole seconds since the host booted: no step of the clock moves it.
seconds() {
  read -r up _ <"$proc/uptime"
  echo "${up%.*}"
}

# The host's lock: one acts at a time, be it a run of pgha or one of these programs. Only root can open its file, and nobody
# else can make it first. It is held as descriptor 9 until `unlock`, or by whoever inherits it.
open_lock() {
  mkdir -p "$state"
  (umask 077 && : >>"$state/lock")
  exec 9>>"$state/lock"
}

lock() { # waits as long as it takes
  open_lock
  flock 9
}

unlock() { exec 9>&-; }
