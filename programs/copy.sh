#!/bin/sh
# How a copy of the primary's data is made on a member and takes the place of what was there, by steps: pgha runs them.
#
# Until it is whole a copy is beside its place: DIRECTORY.pgha-new, where `pg_wal` leads, and `pgha-new` in the folder of
# a tablespace, which may be a mount point. What is kept is `kept-TIME` in the place of `pgha-new`. Whatever ends a step, the
# links of a data directory tell how far it got: the next run goes on.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"

as_root() { "$@"; }

# As whom a path is written, into $as. Paths come from links and a catalog of postgres's: root renames nothing but folders
# of postgres's.
by() { # PATH
  as=as_$(owner_of "$1")
  case $as in as_root | as_postgres) ;; *) fail "${1%/*} is neither root's nor postgres's" ;; esac
}

is_ours() { # PATH
  [ ! -L "$1" ] && is_ours_there "$1"
}

# What is there, be it by a link: only postgres goes on from it.
is_ours_there() { # PATH
  [ -d "$1" ] && [ "$(stat -L -c %u -- "$1")" = "$(as_postgres id -u)" ]
}

make_folder() { # PATH
  by "$1"
  if [ "$as" = as_root ]; then install -d -o postgres -g postgres -m 0700 "$1"; else as_postgres install -d -m 0700 -- "$1"; fi
}

# A link leads elsewhere from one moment to the next.
relink() { # TARGET LINK
  as_postgres rm -f -- "$2.pgha-new"
  as_postgres ln -s -- "$1" "$2.pgha-new"
  as_postgres mv -T -- "$2.pgha-new" "$2"
}

# Asks the primary, at $source.
ask() { # STATEMENT
  as_postgres env PGCONNECT_TIMEOUT=10 PGOPTIONS="$peer_session" \
    "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -d "$source" -c "$1"
}

ask_of() { source="$(conninfo "$1") $login_replication"; } # NAME

# A slot is active for a moment after who used it has ended.
drop_slot() { # NAME
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    ask "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '$1' and not active" >/dev/null || return
    [ "$(ask "select count(*) from pg_replication_slots where slot_name = '$1'")" != 0 ] || return 0
    sleep 0.5
  done
  echo "the slot $1 stays in use" >&2
  return 1
}

# --- before anything is stopped ---------------------------------------------------------------------------------------

# Makes room for a copy's parts, and refuses what would not end well.
ready() { # WAL LOCATION…: where `pg_wal` is, if that is elsewhere, and the tablespaces
  wal=$1
  shift
  if [ "$wal" ]; then
    is_ours "$wal" || is_ours "$wal.pgha-new" || fail "$wal, where pg_wal is, is no folder of postgres's"
    by "$wal"
    "$as" rm -rf -- "$wal.pgha-new"
    make_folder "$wal.pgha-new"
  fi
  for location; do
    [ -e "$location" ] || make_location "$location"
    is_ours_there "$location" || fail "$location, where a tablespace is to be, is no folder of postgres's"
    own=
    for link in "$data"/pg_tblspc/*; do
      target=$(readlink -- "$link") || continue
      case $target in
        # One that was to be kept, and is not there yet, may be still here.
        "$location" | "$location"/kept-*) own=$target ;;
        "$location/pgha-new") fail "$target is in use: an earlier copy is not in its place" ;;
      esac
    done
    for there in "$location/PG_${version}_"*; do
      [ -e "$there" ] || continue
      if [ "$own" = "$location" ]; then continue; fi
      if [ "$own" ] && [ ! -e "$own/${there##*/}" ]; then continue; fi
      fail "$there is there already, and none of this member's data: move it away"
    done
    as_postgres rm -rf -- "$location/pgha-new"
  done
}

# A superuser of the database names it: that must not give postgres a folder where programs of root's look.
make_location() { # LOCATION
  case $(readlink -m -- "$1") in
    /var/lib/postgresql/*) ;;
    /bin/* | /boot/* | /dev/* | /etc/* | /lib*/* | /opt/* | /proc/* | /root/* | /run/* | /sbin/* | /sys/* | /usr/* | /var/*)
      fail "$1, where a tablespace is to be, is not there, and not made in a folder of the system's; \`install -d -o postgres -g postgres -m 0700 $1\` makes it"
      ;;
  esac
  make_folder "$1"
}

# Runs a command that copies, with a slot of its own: it keeps what the copy needs next, while the member's goes on with the old
# data.
held() { # PRIMARY SLOT COMMAND…
  ask_of "$1"
  taken=$2
  shift 2
  drop_slot "$taken"
  trap 'drop_slot "$taken" || :' EXIT
  # A shell that a signal ends does nothing of that by itself (dash).
  trap 'exit 1' HUP INT TERM
  as_postgres "$@"
  trap - EXIT
}

# Looks once more before the old server is stopped: the copy may have taken hours.
still() { # PRIMARY [UNIT]: a unit to start again where it is not so
  ask_of "$1"
  why=
  if runs && [ "$(sql postgres 'select pg_is_in_recovery()')" != t ]; then why="$me is no standby any more, or does not tell"; fi
  [ "$(ask 'select pg_is_in_recovery()')" = f ] || why="$1 is not the primary any more, or does not tell"
  [ "$why" ] || return 0
  if [ "${2:-}" ]; then systemctl start "$2" || :; fi
  fail "$why: what was copied from $1 takes nobody's place"
}

# --- once it is stopped -----------------------------------------------------------------------------------------------

# Names the old data that `discard` removes: once the new ones run, since that may take long.
discarded=$kept/discard

# A whole copy takes the place of what was there, which is kept, or is to be removed.
replace() { # COPY [discard] [PRIMARY SLOT]: a slot that takes the place of the member's
  ! runs || fail 'PostgreSQL is running'
  copy=$1 discard=
  shift
  if [ "${1:-}" = discard ]; then
    discard=yes
    shift
  fi
  by "$data"
  if [ "${2:-}" ]; then
    ask_of "$1"
    drop_slot "$slot"
    ask "select pg_copy_physical_replication_slot('$2', '$slot')" >/dev/null
    drop_slot "$2"
  fi
  sweep
  now=$(date -u +%Y%m%dT%H%M%SZ)
  gone=
  keep_wal
  keep_tablespaces
  if [ "$discard" ]; then
    mkdir -p "$kept"
    printf '%s%s\n' "$gone" "$data.kept-$now" >>"$discarded"
    sync "$discarded" "$kept"
  fi
  by "$data"
  "$as" mv -T -- "$data" "$data.kept-$now"
  "$as" mv -T -- "$copy" "$data"
  as_postgres sync "${data%/*}"
  settle
  # Data that are neither one thing nor the other are gone with it.
  rm -f "$kept/rewinding"
  [ "$discard" ] || echo "what was there is kept in $data.kept-$now"
}

# The copy runs in their place.
discard() {
  runs || fail 'PostgreSQL does not run'
  [ -e "$discarded" ] || return 0
  while IFS= read -r path; do
    case $path in *[./]kept-*) ;; *) continue ;; esac
    is_ours "$path" || continue
    by "$path"
    "$as" rm -rf -- "$path"
    echo "$path is removed"
  done <"$discarded"
  rm -f "$discarded"
}

# What a link leads to, without the name of a copy or of what is kept, into $place.
place_of() { # TARGET SEPARATOR
  place=$(printf '%s\n' "$1" | sed -E "s|[$2](kept-[0-9]{8}T[0-9]{6}Z\|pgha-new)\$||")
}

# The link says first where it will be kept: one that an earlier attempt has turned may lead to where nothing is yet.
keep_wal() {
  link=$data/pg_wal
  [ -L "$link" ] || return 0
  target=$(readlink -m -- "$link")
  place_of "$target" .
  if [ "$target" = "$place" ]; then
    is_ours "$place" || fail "$place, where pg_wal is, is no folder of postgres's"
    target=$place.kept-$now
    relink "$target" "$link"
  fi
  if [ ! -e "$target" ]; then
    by "$place"
    "$as" mv -T -- "$place" "$target"
  fi
  is_ours "$target" || fail "$target, where pg_wal is, is no folder of postgres's"
  gone=$gone$target'
'
}

# Links that `relink` had not put in their places.
sweep() { as_postgres rm -f -- "$data"/pg_tblspc/*.pgha-new "$data/pg_wal.pgha-new"; }

keep_tablespaces() {
  for link in "$data"/pg_tblspc/*; do
    [ -L "$link" ] || continue
    target=$(readlink -- "$link")
    place_of "$target" /
    if [ "$target" = "$place" ]; then
      [ -d "$place" ] || continue
      target=$place/kept-$now
      as_postgres mkdir -m 0700 -- "$target"
      relink "$target" "$link"
    fi
    for there in "$place/PG_${version}_"*; do
      if [ -e "$there" ] && [ ! -e "$target/${there##*/}" ]; then as_postgres mv -T -- "$there" "$target/${there##*/}"; fi
    done
    gone=$gone$target'
'
  done
}

# The parts of a copy that is in its place come to theirs.
settle() {
  ! runs || fail 'PostgreSQL is running'
  sweep
  link=$data/pg_wal
  target=$(readlink -- "$link") || target=
  case $target in *.pgha-new)
    place=${target%.pgha-new}
    if [ -e "$target" ]; then
      is_ours "$target" || fail "$target is no folder of postgres's"
      by "$place"
      "$as" mv -T -- "$target" "$place"
    fi
    relink "$place" "$link"
    ;;
  esac
  for link in "$data"/pg_tblspc/*; do
    target=$(readlink -- "$link") || continue
    case $target in */pgha-new) ;; *) continue ;; esac
    place=${target%/pgha-new}
    for there in "$target/PG_${version}_"*; do
      if [ -e "$there" ]; then as_postgres mv -T -- "$there" "$place/${there##*/}"; fi
    done
    if [ -d "$target" ]; then as_postgres rmdir -- "$target"; fi
    relink "$place" "$link"
  done
  as_postgres sync "$data" "$data/pg_tblspc"
}

step=$1
shift
case $step in
  ready | held | still | replace | settle | discard) "$step" "$@" ;;
  *) fail "there is no step $step" ;;
esac
