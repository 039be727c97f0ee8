#!/bin/sh
# A member's failsafe timer: it ends a switchover of which nothing more is heard. See `switchover.sh` for what is decided where.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/control.sh
. "$lib/control.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"
# shellcheck source=programs/peers.sh
. "$lib/peers.sh"
# shellcheck source=programs/console.sh
. "$lib/console.sh"
# shellcheck source=programs/role.sh
. "$lib/role.sh"

arm() { # ROLE SECONDS OUTGOING
  finish
  mkdir -p "$state"
  : >"$armed"
  systemctl reset-failed pgha-dead-man 2>/dev/null || :
  systemd-run --quiet --collect --unit=pgha-dead-man "$0" watch "$@"
}

disarm() {
  systemctl stop pgha-dead-man 2>/dev/null || :
  close_console
  finish
}

watch() { # ROLE SECONDS OUTGOING
  sleep "$2"
  lock
  [ -e "$armed" ] || [ -e "$signed_off" ] || exit 0
  close_console
  case $1 in
    outgoing) end_as_outgoing ;;
    candidate) end_as_candidate "$3" ;;
  esac
  # Where nobody is found, the candidate may still ask.
  if find_place; then finish; else forget; fi
}

# shellcheck disable=SC2154 # the host's values
end_as_outgoing() {
  if [ -e "$signed_off" ]; then
    systemctl start --no-block "$unit"
    return
  fi
  # In this order: without `armed`, what is on disk is the decision.
  rm -f "$handed_to"
  as_postgres rm -f "$data/standby.signal"
  as_postgres sync "$data"
  rm -f "$armed"
  start_again
}

# It asks for as long as nobody else takes writes: only that host knows whether this server is to be the primary, and it may
# come back after hours.
# shellcheck disable=SC2154 # the host's values
end_as_candidate() { # OUTGOING
  tries=0
  until is_writable; do
    tries=$((tries + 1))
    if [ $((tries % 20)) = 0 ]; then
      if found=$("$lib/find-primary" 2>/dev/null) && [ "${found%% *}" != "$me" ]; then break; fi
      unlock
      sleep 10
      lock
    fi
    decided=0
    ssh_to "$1" "$lib/switchover" decided "$me" || decided=$?
    case $decided in
      0)
        : >"$state/promoting"
        sql postgres 'select pg_promote(true, 10)' >/dev/null || :
        ;;
      # It is the primary still, or again, and nothing can be decided any more.
      1) break ;;
    esac
    rest
  done
}

step=$1
shift
case $step in
  arm | watch) "$step" "$@" ;;
  disarm) disarm ;;
  *) fail "there is no step $step" ;;
esac
