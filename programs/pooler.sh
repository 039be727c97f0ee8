# shellcheck shell=sh
# A pooler: what its pgbouncer is told, and where it leads clients.
# shellcheck disable=SC2034,SC2154 # the programs read what is set here; the host's values

console=$state/pooler
armed=$state/pooler-armed
# There while clients are moved to a new primary.
moving=$state/moving
# The highest timeline on which this pooler has known a primary: `SYSTEM TIMELINE NAME`, by `remember`.
known_primary=$kept/known-primary
# Databases by member that may be the primary, the ones in use, and a copy of all that only has to be renamed.
by_member=$pooler_directory/primary
databases_ini=$pooler_directory/databases.ini
prepared=$pooler_directory/.primary

find_psql

open() {
  open_console "$psql" -P footer=off -h /var/run/postgresql -p "$pooler_port" -U pgbouncer -d pgbouncer
  ask 10 'SHOW VERSION' >/dev/null
  stage
}

# The same without a console that is open: it may be the one that waits.
tell() { # STATEMENT OPTION…
  statement=$1
  shift
  as_postgres timeout 5 "$psql" -XAtq -h /var/run/postgresql -p "$pooler_port" -U pgbouncer -d pgbouncer "$@" -c "$statement"
}

resume() {
  # It refuses where nothing is paused; whether clients go on is what counts.
  tell 'RESUME' 2>/dev/null || :
  if said=$(tell 'SHOW DATABASES' -P tuples_only=off -P footer=off); then
    printf '%s\n' "$said" | all_zero paused || fail 'clients are still held up'
  elif systemctl -q is-active pgbouncer; then
    # One that does not run holds nobody up.
    fail 'clients may still be held up: pgbouncer runs and does not answer'
  fi
}

# Of a table on stdin. The columns differ by version, so that one is looked for by its name.
all_zero() { # COLUMN
  awk -F '|' -v "column=$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == column) at = i; next } $at > 0 { exit 1 }'
}

# Copies of every member's databases, of which one only has to be renamed while clients wait.
stage() {
  rm -rf "$prepared"
  cp -Rp "$by_member" "$prepared"
  # A console's RELOAD moves no clock of systemd's, by which `pgha apply` knows that a file is newer than the last one.
  touch -d @0 "$prepared"/*.ini
}

prepare() { # MEMBER: its databases are where pgbouncer reads them
  if [ ! -e "$prepared/$1.ini" ]; then
    if cmp -s "$by_member/$1.ini" "$databases_ini"; then return; fi
    stage
  fi
  mv -f "$prepared/$1.ini" "$databases_ini"
}

# Whether what SHOW DATABASES says is what was prepared.
leads_to() { # MEMBER WHAT-IT-SAYS
  seen="
$2"
  expected=
  while read -r member line; do
    [ "$member" = "$1" ] || continue
    expected=yes
    case $seen in
      *"
$line"*) ;;
      *)
        [ -z "$line" ] || fail "$line is not among$seen"
        ;;
    esac
  done <<END
$pooler_targets
END
  [ "$expected" ] || fail "no member is called $1"
}

# 0 yes, 1 no, 2 no answer. That is no reason to act: a RELOAD breaks logins to the server that are under way (pgbouncer
# before 1.24, with TLS).
leads() { # MEMBER
  databases=$(tell 'SHOW DATABASES') || return 2
  (leads_to "$1" "$databases") 2>/dev/null || return 1
}

# A pooler never goes back to a lower timeline of the same cluster than one that it has known: there is a former primary, and
# the new one does not answer. It is remembered on disk, so that a restart changes nothing. Else why, into $errors.
allowed() { # NAME SYSTEM TIMELINE
  read_known || return 0
  if [ "$known_system" = "$2" ] && [ "${known_timeline:-0}" -gt "$3" ]; then
    errors="$1 takes writes on timeline $3, and $known_name was the primary on $known_timeline: clients are not led to $1. If it is to be the primary all the same: rm $known_primary"
    return 1
  fi
}

remember() { # NAME SYSTEM TIMELINE
  if read_known && [ "$known_system $known_timeline $known_name" = "$2 $3 $1" ]; then return; fi
  keep_line "${known_primary##*/}" "$2 $3 $1"
}

# What it remembers, into $known_system, $known_timeline and $known_name; fails where that is nothing yet.
read_known() {
  [ -e "$known_primary" ] && read -r known_system known_timeline known_name <"$known_primary"
}

# The member that takes writes, if clients may be led there: into $primary, $address, $port_there, $timeline and $system. Else
# why not, into $errors.
find_primary() { # [NAME…]: of those alone
  apart "$lib/find-primary" "$@"
  [ "$code" = 0 ] || return 1
  read -r primary address port_there timeline system <<END
$out
END
  allowed "$primary" "$system" "$timeline"
}

# Nothing is left of a switchover.
finish() {
  close_console
  rm -rf "$armed" "$prepared"
}
