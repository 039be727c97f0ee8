# shellcheck shell=bash
# Shared by the benchmarks: labs, and arithmetic. Sourced, not run.

: "${PGHA:=target/release/pgha}"
IMAGE=pgha-bench:packages

[ -x "$PGHA" ] || { echo "no $PGHA: run 'cargo build --release', or set PGHA" >&2; exit 2; }
work=$(mktemp -d /tmp/pgha-bench.XXXXXX)
lab=$work/lab
trap '"$PGHA" lab down --dir "$lab" >/dev/null 2>&1; rm -rf "$work"' EXIT

# The container of a host of the lab.
container() { docker ps -q --filter "label=pgha.dir=$lab" --filter "name=-$1\$"; }

address() { sed -n "s/^ *$1: { ansible_host: \(.*\) }/\1/p" "$lab/inventory.yml"; }

# Plain ssh to a host of the lab, with nothing of ~/.ssh/config, and a connection of its own.
hand() { # HOST COMMAND…
  local host=$1
  shift
  ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$lab/known_hosts" \
    -i "$lab/id_ed25519" "root@$(address "$host")" "$@"
}

# An image of a host with the packages of the cluster installed, and no cluster on it; made once. What programs are read
# from and databases written to lies on volumes, that is on the machine's own file system, as it would on a host: where the
# engine's storage is an overlay in user space, a new process costs milliseconds and a promotion 0.15 s.
with_packages() {
  docker image inspect "$IMAGE" >/dev/null 2>&1 && return
  "$PGHA" lab up --nodes 1 --dir "$lab" >/dev/null
  docker exec -i "$(container node1)" /bin/sh -e >&2 <<'END'
export DEBIAN_FRONTEND=noninteractive
mkdir -p /etc/postgresql-common/createcluster.d
echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/pgha.conf
apt-get -q update
apt-get -qy install --no-install-recommends postgresql-15 postgresql-15-repmgr pgbouncer postgresql-client sudo
systemctl disable --now pgbouncer
END
  docker commit --change 'VOLUME ["/usr","/etc","/var/log","/var/lib/postgresql"]' "$(container node1)" "$IMAGE" >/dev/null
  "$PGHA" lab down --dir "$lab" >/dev/null 2>&1
}

# Seconds that a command takes; what it prints goes to $work/log.
seconds() {
  local from=$EPOCHREALTIME
  "$@" >"$work/log" 2>&1 || { echo "failed: $*" >&2; tail -n 20 "$work/log" >&2; exit 1; }
  awk -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", b - a }'
}

# The median of numbers, one per line; with the smallest and the largest.
median() { sort -n | awk '{ v[NR] = $1 } END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; printf "%.3f (%.3f to %.3f, n=%d)\n", m, v[1], v[NR], NR }'; }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", a / b }'; }

# On a machine that is busy with other things the times say little; the ratios of ways that alternate say more.
echo "load before: $(cut -d' ' -f1 /proc/loadavg), processors: $(nproc)"
