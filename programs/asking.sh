# shellcheck shell=sh
# How a member is asked: by a role that may log in to one database and has no rights.
# shellcheck disable=SC2034,SC2154 # the host's values; the programs read what is set here

# The program runs as postgres from here on: the password file and pgbouncer's console are that user's.
be_postgres() { # ARGUMENT…: the program's own
  if [ "$uid" = 0 ]; then
    as_postgres "$0" "$@"
    exit
  fi
}

# With a plain environment: nothing of the caller's, e.g. PGHOSTADDR, leads elsewhere. GSS is not tried, which takes a look
# for tickets each time.
plainly() { (exec_plainly "$@"); } # [NAME=VALUE…] COMMAND ARGUMENT…

exec_plainly() {
  exec env -i PATH="$PATH" LC_ALL="$LC_ALL" PGPASSFILE="$watch_passfile" PGCONNECT_TIMEOUT="$patience" PGAPPNAME=find-primary \
    PGGSSENCMODE=disable "$@"
}

# Whether a server takes connections at all: 0 yes, also where none is free; 1 not for now; 2 there is no answer. It logs
# nobody in and, since it has no password, stops at the question for one, of which no server's log says anything. A server
# spends half as much on it as on a login, and not on TLS, for there is nothing to hide.
is_ready() { # ADDRESS PORT
  plainly PGPASSFILE=/nonexistent PGSSLMODE=disable timeout -k 1 "$((patience + 1))" \
    "${psql%/*}/pg_isready" -q -t "$patience" -h "$1" -p "$2" -U "$watch_user" -d postgres
}

# Why members cannot be asked from here, into $errors; else nothing.
can_ask() {
  errors=
  find_psql
  if [ ! -r "$watch_passfile" ]; then
    errors="$watch_passfile cannot be read"
  elif [ ! -x "$psql" ]; then
    errors='there is no psql'
  fi
  [ -z "$errors" ]
}

# Less than that: what all hosts do now and then, they do not do at the same time.
random() { # NUMBER
  read -r id </proc/sys/kernel/random/uuid
  echo "$((0x${id%%-*} % $1))"
}

# --- waiting for lines of several, and ending them ---
#
#   { beside COMMAND…; beside COMMAND…; all_begun; } | { all=; while read -r name kind pid; do …; done; over $pids; }

# Starts a command of which the lines are read, and says to the reader who it is.
beside() { # COMMAND ARGUMENT…
  "$@" &
  echo "- pid $!"
}

all_begun() {
  echo '- all'
  wait
}

# Such a command runs others by this, each of which is one process and ends with it. A psql is asked to end, so that no server's log says that a client was
# lost; one that waits for a frozen server is made to.
until_over() { # COMMAND ARGUMENT…
  # By `$!`: a variable would be set a moment after the command is there.
  trap 'end_begun "$!"; exit 0' TERM
  "$@" &
  wait "$!"
}

end_begun() { # PID
  kill -INT "$1" 2>/dev/null || :
  { sleep 1; kill -KILL "$1"; } >/dev/null 2>&1 &
}

# The reader has what it waited for, maybe before all were begun, which it has read where $all is set. A psql that is asked to
# end writes a last line, and is lost if nobody can read it.
over() { # PID…
  while [ -z "$all" ] && read -r _ kind pid; do
    case $kind in
      pid) set -- "$@" "$pid" ;;
      all) all=yes ;;
    esac
  done
  exec 3<&0
  sleep 1 >/dev/null 2>&1 &
  kill "$@" 2>/dev/null || :
}
