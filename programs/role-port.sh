#!/bin/sh
# What this member is, for whoever connects. systemd starts one of these for each connection (`pgha-role@`, `pgha-role-http@`),
# as postgres, so that it costs nothing while nobody asks.
#
#   role-port word    MASTER, STANDBY or DOWN: `nc HOST PORT`
#   role-port http    the health checks of Patroni's REST API, with its paths and codes, for load balancers
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"

# Whether the inventory lets whoever connects ask: `ADDRESS`, `ADDRESS/BITS` (IPv4) or a host's name, of each a line.
# shellcheck disable=SC2154 # the host's values
is_admitted() { # ADDRESS
  printf '%s\n' "$role_clients" | while read -r client; do
    case $client in
      '') continue ;;
      *[!0-9./]*) case $client in *:*) ;; *) client=$(getent ahosts "$client" | cut -d ' ' -f 1) || continue ;; esac ;;
    esac
    printf '%s\n' "$client"
  done | awk -v asked="$1" '
    function number(address, parts) {
      if (split(address, parts, ".") != 4) return -1
      return ((parts[1] * 256 + parts[2]) * 256 + parts[3]) * 256 + parts[4]
    }
    $0 == asked { found = 1 }
    split($0, network, "/") == 2 && number(asked) >= 0 && number(network[1]) >= 0 {
      size = 2 ^ (32 - network[2])
      if (int(number(asked) / size) == int(number(network[1]) / size)) found = 1
    }
    END { exit !found }'
}

# `ROLE TIMELINE VERSION LOCATION LAG STATE` into $role, $timeline, …; fails where the server does not tell. The lag is what a
# standby knows of: bytes that its primary has told of and it has not replayed, `unknown` where it does not stream.
look() {
  seen=$(sql postgres "select case when pg_is_in_recovery() then 'replica' else 'primary' end,
    case when pg_is_in_recovery() then coalesce((select received_tli from pg_stat_wal_receiver), (select timeline_id from pg_control_checkpoint()))
      else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end,
    current_setting('server_version_num'),
    (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end) - '0/0',
    coalesce((select greatest(latest_end_lsn - pg_last_wal_replay_lsn(), 0)::text from pg_stat_wal_receiver where status = 'streaming'), 'unknown'),
    coalesce((select replace(status, ' ', '_') from pg_stat_wal_receiver), 'none')" 2>/dev/null) || return 1
  IFS='|' read -r role timeline server_version location lag receives <<END
$seen
END
  [ "$receives" ]
}

word() {
  if ! look; then echo DOWN; elif [ "$role" = primary ]; then echo MASTER; else echo STANDBY; fi
}

# --- HTTP -------------------------------------------------------------------------------------------------------------

answer() { # CODE REASON [TEXT]
  body=${3-$(document)}
  printf 'HTTP/1.0 %s %s\r\nContent-Type: application/json\r\nContent-Length: %s\r\nConnection: close\r\n\r\n' "$1" "$2" "$((${#body} + 1))"
  if [ "$method" = GET ]; then printf '%s\n' "$body"; fi
  exit 0
}

document() {
  case $role in
    down) printf '{"state": "stopped", "role": "unknown"}' ;;
    primary) printf '{"state": "running", "role": "primary", "server_version": %s, "timeline": %s, "xlog": {"location": %s}}' "$server_version" "$timeline" "$location" ;;
    *)
      state=running
      if [ "$receives" = streaming ]; then state=streaming; fi
      printf '{"state": "running", "role": "replica", "replication_state": "%s", "server_version": %s, "timeline": %s, "xlog": {"replayed_location": %s}}' "$state" "$server_version" "$timeline" "$location"
      ;;
  esac
}

# 200 where the command holds, else 503.
if_so() { # COMMAND ARGUMENT…
  if "$@"; then answer 200 OK; else answer 503 'Service Unavailable'; fi
}

is_up() { [ "$role" != down ]; }
is() { [ "$role" = "$1" ]; }
is_replica() { is replica && is_within && is_as_asked; }
is_readable() { is primary || is_replica; }
# It follows, or is followed.
is_ready() { is primary || { is replica && [ "$receives" = streaming ] && is_within; }; }
is_within() { [ -z "$limit" ] || { [ "$lag" != unknown ] && [ "$lag" -le "$limit" ]; }; }
is_as_asked() {
  case $asked_state in '' | "$receives") return 0 ;; esac
  return 1
}

# `lag=` in bytes into $limit, as PostgreSQL writes sizes; `replication_state=` into $asked_state.
read_query() { # QUERY
  limit='' asked_state=''
  rest=$1
  while [ "$rest" ]; do
    parameter=${rest%%&*}
    case $rest in *'&'*) rest=${rest#*&} ;; *) rest= ;; esac
    case $parameter in
      lag=*)
        size=${parameter#lag=}
        digits=${size%%[!0-9]*}
        case ${size#"$digits"} in
          '' | B) unit=1 ;;
          kB) unit=1024 ;;
          MB) unit=1048576 ;;
          GB) unit=1073741824 ;;
          TB) unit=1099511627776 ;;
          *) digits= ;;
        esac
        case $digits in '' | ?????????????*) answer 400 'Bad Request' '{"error": "lag is a number of bytes, or a size such as 16MB"}' ;; esac
        # A number that begins with 0 is no octal one.
        while [ "$digits" != "${digits#0}" ] && [ "$digits" != 0 ]; do digits=${digits#0}; done
        limit=$((digits * unit))
        ;;
      replication_state=*) asked_state=${parameter#replication_state=} ;;
      # Nodes have no tags.
      tag_*) answer 503 'Service Unavailable' ;;
    esac
  done
}

http() {
  role=down method=GET
  return=$(printf '\r')
  read -r method target _ || exit 0
  # All of the request is read: what is left would make the answer a reset connection.
  lines=0
  while [ "$lines" -lt 100 ] && read -r line && [ "${line%"$return"}" ]; do lines=$((lines + 1)); done
  case $method in GET | HEAD | OPTIONS) ;; *) answer 501 'Not Implemented' '{"error": "GET, HEAD and OPTIONS are answered"}' ;; esac
  look || role=down
  target=${target%"$return"}
  path=${target%%\?*}
  query=
  case $target in *\?*) query=${target#*\?} ;; esac
  read_query "$query"
  case $path in
    / | /primary | /master | /read-write | /leader) if_so is primary ;;
    /replica) if_so is_replica ;;
    /read-only) if_so is_readable ;;
    /health) if_so is_up ;;
    /readiness) if_so is_ready ;;
    # The host is there to say so.
    /liveness | /patroni) answer 200 OK ;;
    # A cluster that follows another one is nothing that pgha makes.
    /standby-leader | /standby_leader) answer 503 'Service Unavailable' ;;
    *) answer 404 'Not Found' '{"error": "there is no such health check"}' ;;
  esac
}

is_admitted "${REMOTE_ADDR#::ffff:}" || fail "${REMOTE_ADDR-nobody} is none of those that may ask (cluster_role_clients)"
case $1 in
  word | http) "$1" ;;
  *) fail "there is no way to answer as $1" ;;
esac
