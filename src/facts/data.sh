# shellcheck shell=sh
# The data directory of a cluster: DIRECTORY PG_CONTROLDATA.
data=$1
if [ -f "$data/PG_VERSION" ]; then
  read -r version <"$data/PG_VERSION"; echo "version $version"
  echo "path $(readlink -f "$data")"
  [ -f "$data/standby.signal" ] && echo "standby_signal $(stat -c %.9Y "$data/standby.signal")"
  stat -c 'repmgrd_state %.9Y' "$data/pg_stat/repmgrd_state.txt" 2>/dev/null
  [ -f "$data/pgha-fenced" ] && echo "fenced"
  for slot in "$data"/pg_replslot/*/; do [ -d "$slot" ] && echo "slot $(basename "$slot")"; done
  as postgres "$2" "$data"
elif [ -e "$data" ] && [ -n "$(ls -A "$data" 2>/dev/null)" ]; then echo "occupied"
fi
:
