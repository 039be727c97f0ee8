#!/bin/sh
# A member's part in a failover, by steps: `pgha failover` runs them. Nobody hands the role over: the old primary is dead.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/control.sh
. "$lib/control.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"

# A primary that is replaced without having been asked: it does not run any more, and would start as a standby.
# shellcheck disable=SC2154 # the host's values
fence() {
  stop_server
  [ -e "$data/global/pg_control" ] || return 0
  # The mark tells that it is nobody's standby yet, and stays until `pgha rejoin` makes it one.
  make_file "$data/pgha-fenced"
  make_file "$data/standby.signal"
  # A server makes its file before it looks for the signal: where there is none, whoever starts it now finds it. One that was
  # started before is a primary, and must not be taken for a standby.
  if runs; then
    as_postgres rm -f "$data/standby.signal" "$data/pgha-fenced"
    fail 'somebody has started PostgreSQL again'
  fi
}

# Becomes the primary. repmgrd does not run anywhere by now, but what it had asked for goes on: a standby is promoted only
# once it has replayed all that it has received. Of members that are there and do not tell, those that are named are known to
# be standbys.
take_over() { # SECONDS STANDBY…
  seconds=$1
  shift
  waited=0
  while being=$(being_promoted) && [ -n "$being" ]; do
    waited=$((waited + 1))
    [ "$waited" -lt "$((seconds * 5))" ] || fail "$being is being promoted, and was not within $seconds s"
    sleep 0.2
  done
  code=0
  found=$(PGHA_PATIENCE=2 "$lib/find-primary" 2>&1) || code=$?
  case $code in
    0)
      [ "${found%% *}" = "$me" ] || fail "${found%% *} takes writes: it was promoted meanwhile"
      return 0
      ;;
    1) ;;
    4) are_standbys "$@" || fail "it cannot be told whether anybody takes writes: $found" ;;
    *) fail "it cannot be told whether anybody takes writes: $found" ;;
  esac
  sql postgres 'select pg_promote(false)' >/dev/null
  waited=0
  until is_writable; do
    waited=$((waited + 1))
    [ "$waited" -lt "$((seconds * 10))" ] || fail "it was not promoted within $seconds s"
    sleep 0.1
  done
}

# Whether all that are there and do not tell are among these.
are_standbys() { # STANDBY…; $found
  untold=$(printf '%s\n' "$found" | awk '$4 == "there" { print $1 }')
  [ "$untold" ] || return 1
  for name in $untold; do
    case " $* " in *" $name "*) ;; *) return 1 ;; esac
  done
}

# Another member that was asked to be promoted and has not yet been. Who does not answer is none.
# Without repmgr nobody else asks for promotions.
being_promoted() {
  [ "$repmgr" ] || return 0
  while read -r other conninfo; do
    [ "$other" != "$me" ] || continue
    asked=$(as_postgres env PGOPTIONS="$session" timeout 10 "$bin/psql" -XAtqw -d "$conninfo dbname=$repmgr connect_timeout=2" -f "$lib/being-promoted.sql" 2>/dev/null) || :
    if [ "$asked" = t ]; then
      echo "$other"
      return 0
    fi
  done <<END
$upstreams
END
}

step=$1
shift
case $step in
  fence) fence ;;
  take-over) take_over "$@" ;;
  *) fail "there is no step $step" ;;
esac
