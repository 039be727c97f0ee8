# shellcheck shell=sh
# The end of a restore on a host that is up. Arguments: the former beginning of all addresses and the present one, e.g.
# `172.30.7.`; on stdin the hosts' keys, `ADDRESS TYPE KEY` each. Where the host was a member or the witness, repmgr's table is
# turned to the present addresses, and only then repmgrd starts: it would go to the former ones.
set -e
old=$1 new=$2
keys=$(cat)
known=/etc/pgha/known_hosts
if [ -e "$known" ]; then
  printf '%s\n' "$keys" | awk -v known="$known" '
    { key[$1] = $2 " " $3 }
    END {
      while ((getline line < known) > 0) {
        split(line, word, " ")
        of = split(word[1], name, ",")
        print (name[of] in key) ? word[1] " " key[name[of]] : line
      }
    }' >/run/pgha-lab-known
  # Into the file that is there: it keeps its owner.
  cat /run/pgha-lab-known >"$known"
  rm /run/pgha-lab-known
fi
rm -f /var/lib/pgha-lab/secrets.yml /run/pgha-guard-off
[ -e /var/lib/pgha-lab/repmgrd ] || exit 0
sql() { runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -v old="$old" -v new="$new" -d "$1" -f -; }
tries=0
until echo 'select true;' | sql postgres >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || { echo 'PostgreSQL does not answer' >&2; exit 1; }
  sleep 0.1
done
if [ "$old" != "$new" ]; then
  if [ "$(echo 'select pg_is_in_recovery();' | sql postgres)" = f ]; then
    echo "set synchronous_commit = local; update repmgr.nodes set conninfo = replace(conninfo, :'old', :'new');" | sql repmgr
  fi
  tries=0
  until [ "$(echo "select count(*) from repmgr.nodes where conninfo like '%' || :'old' || '%';" | sql repmgr)" = 0 ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { echo "repmgr's table still has former addresses" >&2; exit 1; }
    sleep 0.1
  done
fi
rm /var/lib/pgha-lab/repmgrd
systemctl -q enable --now repmgrd
