#!/bin/sh
# A member's failsafe timer: it ends a switchover of which nothing more is heard, also after a reboot of this host. See
# `switchover.sh` for what is decided where.
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
  # Whatever another one has decided is not to be erased.
  if systemctl -q is-active pgha-dead-man; then fail 'a switchover is under way here: its failsafe timer runs, and will end it'; fi
  finish
  mkdir -p "$state"
  : >"$armed"
  keep_line "${pending##*/}" "$1 $3"
  start_timer "$@" || {
    finish
    fail 'the failsafe timer does not start'
  }
}

start_timer() { # ROLE SECONDS OUTGOING
  systemctl reset-failed pgha-dead-man 2>/dev/null || :
  systemd-run --quiet --collect --unit=pgha-dead-man "$0" watch "$@"
}

disarm() {
  systemctl stop pgha-dead-man 2>/dev/null || :
  close_console
  finish
}

# The host has booted in the middle of a switchover, and nothing is left of the timer but what it was to do.
# shellcheck disable=SC2154 # the host's values
resume() {
  if [ ! -e "$pending" ] || [ -e "$armed" ] || [ -e "$signed_off" ]; then return 0; fi
  if systemctl -q is-active pgha-dead-man; then return 0; fi
  read -r role outgoing <"$pending"
  start_timer "$role" 0 "$outgoing"
}

watch() { # ROLE SECONDS OUTGOING
  sleep "$2"
  lock
  [ -e "$pending" ] || [ -e "$armed" ] || [ -e "$signed_off" ] || exit 0
  close_console
  case $1 in
    outgoing) end_as_outgoing ;;
    candidate) end_as_candidate "$3" ;;
  esac
  if find_place; then
    finish
  else
    # The candidate may still ask.
    forget
    unpause || echo 'repmgrd could not be told to watch again: pgha apply does it'
  fi
}

# shellcheck disable=SC2154 # the host's values
end_as_outgoing() {
  # `armed` is gone once the role was handed over, and after a reboot: it comes back as what is on disk says. And a signal
  # without the name of who was handed the role is of somebody else, who fenced this server.
  if [ ! -e "$armed" ] || { [ -e "$data/standby.signal" ] && [ ! -e "$handed_to" ]; }; then
    rm -f "$armed"
    systemctl start --no-block "$unit"
    return
  fi
  # In this order: without `armed`, what is on disk is the decision.
  as_postgres rm -f "$data/standby.signal"
  as_postgres sync "$data"
  rm -f "$handed_to"
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
        # Somebody may have been promoted instead, while this host was down.
        if another_takes_writes; then break; fi
        : >"$state/promoting"
        sql postgres 'select pg_promote(true, 10)' >/dev/null || :
        ;;
      # It is the primary still, or again, and nothing can be decided any more.
      1) break ;;
    esac
    rest
  done
}

another_takes_writes() {
  found=$(PGHA_PATIENCE=2 "$lib/find-primary" 2>/dev/null) && [ "${found%% *}" != "$me" ]
}

step=$1
shift
case $step in
  arm | watch) "$step" "$@" ;;
  disarm | resume) "$step" ;;
  *) fail "there is no step $step" ;;
esac
