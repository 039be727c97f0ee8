#!/bin/bash
# Bare hosts with the packages installed to a running cluster, by `pgha apply` and by the shell script below, which does the
# same on three members as a careful person would write it: everything in parallel that can be, clones with a fast checkpoint.
#
# Method: for each run a new lab of three members and a pooler, from one image. The two ways alternate, three times each.
# The clock starts with the hosts up. The script leaves out the pooler, the checks before and the verification after, all of
# which pgha does within its time.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=lab.sh
. benches/lab.sh
n=${1:-3}
members=(node1 node2 node3)

prepare() { # NUMBER: what every member needs
  cat <<END
set -e
install -d -m 0700 -o postgres -g postgres /var/lib/postgresql/.ssh
cd /var/lib/postgresql
cat >.ssh/id_ed25519 <<'KEY'
$(cat "$work/key")
KEY
cat >.ssh/authorized_keys <<'KEY'
$(cat "$work/key.pub")
KEY
cat >.ssh/known_hosts <<'KEY'
$(cat "$lab/known_hosts")
KEY
$(for host in "${members[@]}"; do for database in repmgr replication; do
    echo "echo '$(address "$host"):5432:$database:repmgr:$password' >>.pgpass"
  done; done)
chmod 0600 .ssh/* .pgpass
chown -R postgres:postgres .ssh .pgpass
cat >/etc/sudoers.d/cluster <<'SUDO'
postgres ALL=(root) NOPASSWD: /usr/bin/systemctl start postgresql@15-main, /usr/bin/systemctl stop postgresql@15-main, /usr/bin/systemctl restart postgresql@15-main, /usr/bin/systemctl reload postgresql@15-main
SUDO
chmod 0440 /etc/sudoers.d/cluster
cat >/etc/repmgr.conf <<'CONF'
node_id=$1
node_name='node$1'
conninfo='host=$(address "node$1") user=repmgr dbname=repmgr connect_timeout=2'
data_directory='/var/lib/postgresql/15/main'
config_directory='/etc/postgresql/15/main'
pg_bindir='/usr/lib/postgresql/15/bin'
passfile='/var/lib/postgresql/.pgpass'
use_replication_slots=yes
failover=automatic
promote_command='/usr/lib/postgresql/15/bin/repmgr -f /etc/repmgr.conf standby promote'
follow_command='/usr/lib/postgresql/15/bin/repmgr -f /etc/repmgr.conf standby follow --upstream-node-id=%n'
CONF
cat >/etc/systemd/system/repmgrd.service <<'UNIT'
[Service]
User=postgres
RuntimeDirectory=repmgrd
ExecStart=/usr/lib/postgresql/15/bin/repmgrd -f /etc/repmgr.conf --daemonize=false
Restart=always
[Install]
WantedBy=multi-user.target
UNIT
END
}

configure() {
  cat <<END
cat >/etc/postgresql/15/main/conf.d/cluster.conf <<'CONF'
listen_addresses = '*'
shared_preload_libraries = 'repmgr'
wal_log_hints = on
max_wal_senders = 20
max_replication_slots = 20
wal_keep_size = 512MB
timezone = 'Etc/UTC'
CONF
cat >/etc/postgresql/15/main/pg_hba.conf <<'HBA'
local all postgres peer
local all all scram-sha-256
$(for host in "${members[@]}"; do
    echo "host repmgr repmgr $(address "$host")/32 scram-sha-256"
    echo "host replication repmgr $(address "$host")/32 scram-sha-256"
  done)
HBA
systemctl start postgresql@15-main
END
}

primary() {
  cat <<END
set -e
cd /
install -d -o postgres -g postgres /var/lib/postgresql/15
runuser -u postgres -- /usr/lib/postgresql/15/bin/initdb -D /var/lib/postgresql/15/main --data-checksums --locale=C.UTF-8 --encoding=UTF8 --auth-local=peer --auth-host=scram-sha-256
pg_createcluster 15 main --datadir /var/lib/postgresql/15/main
$(configure)
runuser -u postgres -- psql -v ON_ERROR_STOP=1 <<'SQL'
create role repmgr login superuser replication password '$password';
create role app login password '$password';
create database repmgr owner repmgr;
create database app owner app;
select pg_create_physical_replication_slot('repmgr_slot_2', true);
select pg_create_physical_replication_slot('repmgr_slot_3', true);
\\connect repmgr
create extension repmgr;
SQL
runuser -u postgres -- env HOME=/var/lib/postgresql /usr/lib/postgresql/15/bin/repmgr -f /etc/repmgr.conf primary register -F
systemctl enable --now repmgrd
END
}

standby() { # NUMBER
  cat <<END
set -e
cd /
install -d -o postgres -g postgres /var/lib/postgresql/15
runuser -u postgres -- env HOME=/var/lib/postgresql /usr/lib/postgresql/15/bin/pg_basebackup -D /var/lib/postgresql/15/main -d 'host=$(address node1) user=repmgr application_name=node$1' -X stream -c fast -S repmgr_slot_$1 -R -w
runuser -u postgres -- install -m 0600 /usr/share/postgresql/15/postgresql.conf.sample /var/lib/postgresql/15/main/postgresql.conf
runuser -u postgres -- touch /var/lib/postgresql/15/main/pg_hba.conf /var/lib/postgresql/15/main/pg_ident.conf
pg_createcluster 15 main --datadir /var/lib/postgresql/15/main
$(configure)
runuser -u postgres -- env HOME=/var/lib/postgresql /usr/lib/postgresql/15/bin/repmgr -f /etc/repmgr.conf standby register -F --wait-sync=30 --upstream-node-id=1
systemctl enable --now repmgrd
END
}

all() { # wait for every one of these processes
  local pid
  for pid in "$@"; do wait "$pid"; done
}

by_hand() {
  password=$(head -c 24 /dev/urandom | base64 | tr -d '+/=')
  ssh-keygen -q -t ed25519 -N '' -f "$work/key"
  local number pids=()
  for number in 1 2 3; do
    prepare "$number" | hand "node$number" /bin/sh &
    pids+=($!)
  done
  all "${pids[@]}"
  primary | hand node1 /bin/sh
  pids=()
  for number in 2 3; do
    standby "$number" | hand "node$number" /bin/sh &
    pids+=($!)
  done
  all "${pids[@]}"
}

by_pgha() { "$PGHA" apply "$lab/inventory.yml"; }

with_packages
for _ in $(seq "$n"); do
  for way in by_pgha by_hand; do
    rm -f "$work"/key*
    "$PGHA" lab up --image "$IMAGE" --dir "$lab" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    seconds $way >>"$work/$way"
    [ $way = by_hand ] || grep ' s)$' "$work/log" | tail -n 40 >"$work/steps"
    streaming=$(hand node1 "runuser -u postgres -- psql -XAtc \"select count(*) from pg_stat_replication where state = 'streaming'\"" 2>/dev/null)
    [ "$streaming" = 2 ] || { echo "$way: $streaming standbys stream" >&2; exit 1; }
    "$PGHA" lab down --dir "$lab" >/dev/null 2>&1
  done
done
echo "pgha apply: $(median <"$work/by_pgha")"
echo "script:     $(median <"$work/by_hand")"
echo "ratio:      $(ratio "$(median <"$work/by_pgha" | cut -d' ' -f1)" "$(median <"$work/by_hand" | cut -d' ' -f1)")"
if [ -n "${STEPS:-}" ]; then cat "$work/steps"; fi
