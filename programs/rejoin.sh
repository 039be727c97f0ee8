#!/bin/sh
# How a member comes back, by steps: `pgha rejoin` and `pgha rebuild` run them. PostgreSQL is stopped here, and nobody can
# connect to it while they run. Whatever is below the data directory, and what is saved of it, is read and written as
# postgres: all names there are postgres's own.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/control.sh
. "$lib/control.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"

# A rewind that did not end leaves data that are neither one thing nor the other.
rewinding=$kept/rewinding
scratch='' had_signal=''
# However it ends: what was a standby's, or a fenced primary's, does not start as a primary.
trap recovered EXIT
# A shell that a signal ends does nothing of that by itself (dash).
trap 'exit 1' HUP INT TERM

# Runs statements as nobody else can: in a process that listens nowhere. What it recovers never reaches an archive.
# shellcheck disable=SC2086,SC2154 # the host's values, one of them words
single() { # DATABASE: statements on stdin
  as_postgres "$bin/postgres" --single -D "$data" -c config_file="$config" -c archive_mode=off \
    -c shared_preload_libraries= -c synchronous_standby_names= $session "$1"
}

# A crashed primary's control data are behind its log: what it has is known once it has recovered. A standby cannot be
# recovered without starting it, and `single` takes whoever has the signal for one; a primary that was fenced has it, too.
recover() {
  ! runs || fail 'PostgreSQL is running'
  # A copy that was never started: all that it has is its source's, and recovery would give it something of its own.
  [ ! -e "$data/backup_label" ] || return 0
  read_control
  value 'Database cluster state'
  case $value in *'in recovery' | 'in archive recovery') return 0 ;; esac
  if [ -e "$data/standby.signal" ]; then
    had_signal=yes
    as_postgres rm "$data/standby.signal"
  fi
  is_shut_down || single template1 </dev/null >/dev/null
}

# The end of what needs `single`.
recovered() {
  if [ "$scratch" ]; then rm -rf "$scratch"; fi
  if [ "$had_signal" ]; then make_file "$data/standby.signal"; fi
  had_signal=
}

# A server that is there and does not tell what it is: what it has can be told once it is stopped.
stop() {
  stop_server
  echo 'PostgreSQL is stopped'
}

# --- what only this member has ----------------------------------------------------------------------------------------

save() { # FROM STRETCH…: `TIMELINE LSN`, and `TIMELINE:LSN:[LSN]` for each timeline since
  recover
  diverged=$kept/diverged
  mkdir -p "$kept"
  [ -d "$diverged" ] || install -d -o postgres -g postgres -m 0700 "$diverged"
  as_postgres "$0" copy "$@"
  recovered
  read_control
  as_postgres "$0" keep
}

# As postgres: the log from where the branches part, and the report of what is in it.
copy() { # FROM STRETCH…
  from=$1
  shift
  new=$kept/diverged/new
  rm -rf -- "$new"
  (umask 077 && mkdir "$new" "$new/pg_wal" "$new/global")
  read_control
  control_segment
  incomplete=
  copied=
  for stretch; do
    IFS=: read -r timeline start end <<END
$stretch
END
    first=$(segment_of "$timeline" "$start")
    there=$(segments "$data/pg_wal" "$timeline" "$first")
    case $there in "$first"*) ;; *) incomplete=yes ;; esac
    copied="$copied $there"
  done
  # shellcheck disable=SC2086 # names of segments
  needed=$(($(echo $copied | wc -w) * segment))
  free=$(df -B1 --output=avail "$new" | tail -n 1)
  [ "$free" -gt "$((needed + needed / 10))" ] || fail "too little disk in $new: $needed bytes are to be saved, $free are free"
  for name in $copied; do cp -p "$data/pg_wal/$name" "$new/pg_wal/"; done
  for name in "$data"/pg_wal/*.history; do
    if [ -e "$name" ]; then cp -p "$name" "$new/pg_wal/"; fi
  done
  {
    echo "from $from"
    [ -z "$incomplete" ] || echo incomplete
    for stretch; do records "$stretch" "$new/pg_wal"; done | contents
  } >"$new/report"
  name_relations "$new/report"
}

# As postgres: what was copied gets the name by which it is found again as long as the data are the same.
keep() {
  new=$kept/diverged/new
  cp -p "$data/global/pg_control" "$new/global/"
  read_control
  printf '%s\n' "$control" >"$new/pg_controldata"
  sync -f "$new"
  value "Latest checkpoint's TimeLineID"
  place=$kept/diverged/$value
  value 'Latest checkpoint location'
  place=$place-$(echo "$value" | tr / -)
  rm -rf -- "$place"
  mv "$new" "$place"
  cat "$place/report"
}

records() { # STRETCH DIRECTORY: its log, a record a line
  IFS=: read -r timeline start end <<END
$1
END
  first=$(segment_of "$timeline" "$start")
  there=$(segments "$2" "$timeline" "$first")
  [ -n "$there" ] || return 0
  oldest=$(echo "$there" | head -n 1)
  newest=$(echo "$there" | tail -n 1)
  if [ "$oldest" != "$first" ]; then start=$(segment_start "$oldest"); fi
  # It ends where there is no record any more, and calls that an error.
  "$bin/pg_waldump" -s "$start" ${end:+-e "$end"} "$2/$oldest" "$2/$newest" 2>/dev/null || :
}

# Counts the records on stdin: commits with their first and last time, bytes, and records by relation.
contents() { awk -f "$lib/wal-contents.awk"; }

# Makes `relation 12 app public.orders` of `relation 12 1663/16384/16390`, as far as there are names for them.
name_relations() { # REPORT
  grep '^relation ' "$1" | sort -k2,2nr >"$1.files" || :
  sed -i '/^relation /d' "$1"
  read_control
  if [ -s "$1.files" ] && is_shut_down && [ ! -e "$data/standby.signal" ]; then
    databases=$(echo "select oid::text || ' ' || datname as name from pg_database" | single template1 2>/dev/null | named)
    echo "$databases" | while read -r oid database; do
      values=$(sed -n "s|^relation \([0-9]*\) \([0-9]*\)/$oid/\([0-9]*\)\$|(\2,\3,\1)|p" "$1.files" | paste -sd ,)
      [ -n "$values" ] || continue
      echo "select 'relation ' || n || ' ' || current_database() || ' ' || coalesce(pg_filenode_relation(case when t = (select dattablespace from pg_database where datname = current_database()) then 0 else t end, f)::text, t || '/' || f) as name from (values $values) as v(t, f, n) order by n desc" |
        single "$database" 2>/dev/null | named >>"$1"
    done
  else
    cat "$1.files" >>"$1"
  fi
  rm -f "$1.files"
}

# The values of a column `name` in what a single process prints.
named() { sed -n 's/^.*1: name = "\(.*\)"[[:space:]]*(typeid.*$/\1/p'; }

# --- ways back --------------------------------------------------------------------------------------------------------

# A data directory's server starts as a standby, and follows that member.
follow() { # NAME DIRECTORY
  data=$2
  become_standby "$1"
}

become_standby() { # NAME
  printf '%s\n' "primary_conninfo = $(in_file "$(conninfo "$1")")" "primary_slot_name = $(in_file "$slot")" |
    as_postgres "$0" write-settings "$data"
  make_file "$data/standby.signal"
  as_postgres rm -f "$data/pgha-fenced"
  as_postgres sync "$data"
}

# As postgres: the two settings on stdin take the place of what postgresql.auto.conf has of them.
write_settings() { # DIRECTORY: settings on stdin
  auto=$1/postgresql.auto.conf
  rm -f "$auto.new"
  (
    umask 077
    {
      if [ -e "$auto" ]; then grep -vE '^(primary_conninfo|primary_slot_name) *=' "$auto" || :; fi
      cat
    } >"$auto.new"
  )
  sync "$auto.new"
  mv "$auto.new" "$auto"
}

# A value as a configuration file has it.
in_file() { printf "'%s'\n" "$(printf '%s\n' "$1" | sed "s/[\\\\']/&&/g")"; }

attach() { # NAME
  ! runs || fail 'PostgreSQL is running'
  become_standby "$1"
}

# Takes back what that member does not have. Where it fails, the data are to be copied anew.
rewind() { # NAME
  recover
  read_control
  control_segment
  # shellcheck disable=SC2154 # the host's values
  source="$(conninfo "$1") $login_rewind"
  ask() { as_postgres env PGOPTIONS="$peer_session" "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -d "$source" -c "$1"; }
  mkdir -p "$kept"
  echo "$data" >"$rewinding"
  sync "$rewinding" "$kept"
  scratch=$(mktemp -d)
  # Without it pg_rewind may take the source for one on its old timeline, and leaves data that do not start (before 16).
  ask checkpoint 2>/dev/null || await_checkpoint
  lacking=
  until try_rewind; do
    # It looks at the log before it changes anything.
    missing=$(sed -n 's|.*/pg_wal/\([0-9A-F]\{24\}\)".*|\1|p' "$scratch/said" | tail -n 1)
    if [ -z "$missing" ] || [ "$missing" = "$lacking" ] || ! fetch "$missing"; then fail 'it cannot be rewound'; fi
    lacking=$missing
  done
  # It starts from the last checkpoint that both have, with what the source still has of the log since then.
  if [ -e "$data/backup_label" ]; then
    needed=$(as_postgres sed -n 's/^START WAL LOCATION: .* (file \([0-9A-F]*\))$/\1/p' "$data/backup_label")
    while [ "$(ask "select coalesce(min(right(name, 16)) > right('$needed', 16), true) from pg_ls_dir('pg_wal', false, false) as name where name ~ '^[0-9A-F]{24}\$'")" = t ]; do
      [ -e "$data/pg_wal/$needed" ] || fetch "$needed" || fail "$1 does not have $needed any more, and it is needed from there on"
      needed=$(segment_after "$needed")
    done
  fi
  become_standby "$1"
  rm -f "$rewinding"
}

# A role that may make none waits for the one that follows a promotion.
await_checkpoint() {
  waited=0
  until [ "$(ask "select timeline_id = ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int from pg_control_checkpoint()")" = t ]; do
    waited=$((waited + 1))
    [ "$waited" -lt 600 ] || fail 'the primary has made no checkpoint since its promotion for 10 minutes'
    sleep 1
  done
}

try_rewind() {
  rm -f "$scratch/well"
  { as_postgres env PGOPTIONS="$peer_session" "$bin/pg_rewind" --target-pgdata "$data" --source-server "$source" --progress 2>&1 && : >"$scratch/well"; } | tee "$scratch/said"
  [ -e "$scratch/well" ]
}

# A segment that is in the log no more: as `restore_command` has it, or from any member that still has it. Before the fork
# it is the same everywhere; whatever else it might be, its records tell.
fetch() { # SEGMENT
  fetched=$data/pg_wal/pgha-fetched
  restore=$(as_postgres "$bin/postgres" -D "$data" -c config_file="$config" -C restore_command 2>/dev/null) || restore=
  if [ -n "$restore" ]; then
    command=$(printf '%s\n' "$restore" | sed "s|%[fr]|$1|g; s|%p|pg_wal/pgha-fetched|g; s|%%|%|g")
    as_postgres rm -f "$fetched"
    (cd "$data" && as_postgres sh -c "$command") || :
    if is_fetched "$1" archive; then return 0; fi
  fi
  while read -r other conninfo; do
    [ "$other" != "$me" ] || continue
    as_postgres env PGOPTIONS="$peer_session" "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -d "$conninfo $login_rewind connect_timeout=5" \
      -c "select encode(pg_read_binary_file('pg_wal/$1'), 'base64')" </dev/null | as_postgres "$0" decode "$fetched" || :
    if is_fetched "$1" "$other"; then return 0; fi
  done <<END
$upstreams
END
  return 1
}

# As postgres.
decode() { # PATH: base64 on stdin
  rm -f "$1"
  (umask 077 && base64 -d >"$1")
}

is_fetched() { # SEGMENT FROM
  if [ "$(stat -c %s "$fetched" 2>/dev/null)" != "$segment" ]; then
    as_postgres rm -f "$fetched"
    return 1
  fi
  as_postgres mv "$fetched" "$data/pg_wal/$1"
  echo "$1 is fetched from $2"
}

step=$1
shift
case $step in
  stop | save | attach | follow | rewind) "$step" "$@" ;;
  # What a step does as postgres.
  copy | keep | decode) "$step" "$@" ;;
  write-settings) write_settings "$@" ;;
  *) fail "there is no step $step" ;;
esac
