# shellcheck shell=sh
# Before a host of a cluster is copied: what watches is stopped first, on all hosts, then PostgreSQL. Argument: `watchers`
# or `servers`. Remembers what ran, and prints what was installed.
set -e
ran=/run/pgha-lab-ran
case $1 in
  watchers)
    : >"$ran"
    for unit in pgha-follow pgha-guard repmgrd pgbouncer; do
      if systemctl -q is-active "$unit"; then echo "$unit" >>"$ran"; fi
    done
    # shellcheck disable=SC2046 # names of units
    if [ -s "$ran" ]; then systemctl stop $(cat "$ran"); fi
    ;;
  servers)
    for control in /var/lib/postgresql/*/*/global/pg_control; do
      [ -e "$control" ] || continue
      data=${control%/global/pg_control}
      name=${data##*/} version=${data%/*}
      version=${version##*/}
      echo "postgresql@$version-$name" >>"$ran"
      systemctl stop "postgresql@$version-$name"
      state=$(runuser -u postgres -- env LC_ALL=C "/usr/lib/postgresql/$version/bin/pg_controldata" "$data" | sed -n 's/^Database cluster state: *//p')
      case $state in 'shut down' | 'shut down in recovery') ;; *) echo "PostgreSQL was not shut down cleanly: $state" >&2; exit 1 ;; esac
    done
    # A volume is no part of a container's image.
    if mountpoint -q /var/lib/postgresql; then cp -a /var/lib/postgresql /var/lib/pgha-lab/; fi
    rm -f /var/cache/apt/archives/*.deb
    dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' 'postgresql-[0-9]*' repmgr 'pgbouncer' 2>/dev/null |
      awk '$3 == "installed" && $1 !~ /client|repmgr-/ { printf "%s%s %s", sep, $1, $2; sep = ", " }'
    ;;
esac
