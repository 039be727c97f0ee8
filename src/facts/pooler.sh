# shellcheck shell=sh
# What pgbouncer's admin console on a PORT says.
[ -S "/var/run/postgresql/.s.PGSQL.$1" ] || exit 0
port=$1
console() {
  as postgres timeout 10 psql -XAtq -F "$(printf '\t')" -h /var/run/postgresql -p "$port" -U pgbouncer -d pgbouncer \
    -P tuples_only=off -P footer=off -c "$1"
}
for show in DATABASES CONFIG; do echo "show $show"; console "SHOW $show" || exit 1; done
for show in USERS STATE; do echo "show $show"; console "SHOW $show" 2>/dev/null; done
:
