#!/bin/sh
# A pooler's failsafe timer: it ends a switchover of which nothing more is heard. It promotes nobody: it looks for the one
# member that takes writes, and leads clients there.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/console.sh
. "$lib/console.sh"
# shellcheck source=programs/pooler.sh
. "$lib/pooler.sh"

arm() { # SECONDS
  mkdir -p "$state"
  : >"$armed"
  systemctl reset-failed pgha-pooler-dead-man 2>/dev/null || :
  systemd-run --quiet --collect --unit=pgha-pooler-dead-man "$0" watch "$@"
}

disarm() {
  systemctl stop pgha-pooler-dead-man 2>/dev/null || :
  finish
}

watch() { # SECONDS
  sleep "$1"
  lock
  [ -e "$armed" ] || exit 0
  close_console
  began=$(seconds)
  # A pgbouncer that does not run follows when it is started.
  while systemctl -q is-active pgbouncer; do
    if find_primary; then
      told=0
      leads "$primary" || told=$?
      case $told in
        0) break ;;
        1)
          prepare "$primary"
          tell 'RELOAD' && leads "$primary" && break
          ;;
      esac
    fi
    if [ -e "$armed" ] && [ $(($(seconds) - began)) -ge 30 ]; then
      # Clients are not held up for ever, and others may act. It still looks for the primary.
      (resume) || :
      rm -f "$armed"
    fi
    if [ ! -e "$armed" ]; then unlock; fi
    sleep 0.5
    lock
  done
  (resume) || :
  finish
}

step=$1
shift
case $step in
  arm | watch) "$step" "$@" ;;
  disarm) disarm ;;
  *) fail "there is no step $step" ;;
esac
