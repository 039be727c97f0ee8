# shellcheck shell=sh
# The data directory of a cluster, and where its parts are: DIRECTORY PG_CONTROLDATA.
data=$1
echo "real $(readlink -m -- "$data")"
[ -L "$data" ] && echo "link"
# Between two renames there is only the copy.
at=$data; [ -e "$data" ] || at=$data.pgha-new
[ -L "$at/pg_wal" ] && echo "wal $(readlink -m -- "$at/pg_wal")"
for link in "$at"/pg_tblspc/*; do
  [ -L "$link" ] || continue
  echo "tablespace ${link##*/} $(readlink -- "$link")"
  echo "tablespace_real ${link##*/} $(readlink -m -- "$link")"
done
if [ -f "$data/PG_VERSION" ]; then
  read -r version <"$data/PG_VERSION"; echo "version $version"
  echo "path $(readlink -f "$data")"
  [ -f "$data/standby.signal" ] && echo "standby_signal $(stat -c %.9Y "$data/standby.signal")"
  stat -c 'repmgrd_state %.9Y' "$data/pg_stat/repmgrd_state.txt" 2>/dev/null
  [ -f "$data/pgha-fenced" ] && echo "fenced"
  for slot in "$data"/pg_replslot/*/; do [ -d "$slot" ] && echo "slot $(basename "$slot")"; done
  as postgres "$2" "$data"
# `pg_wal` is the first thing that is moved up.
elif [ -f "$data/pgha-new/PG_VERSION" ] && [ ! -e "$data/pgha-new/pg_wal" ] && [ ! -L "$data/pgha-new/pg_wal" ]; then echo "half"
elif [ -e "$data/lost+found" ]; then echo "occupied lost+found"
elif [ -e "$data" ] && [ -n "$(ls -A -I pgha-new "$data" 2>/dev/null)" ]; then echo "occupied"
fi
:
