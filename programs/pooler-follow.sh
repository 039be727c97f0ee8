#!/bin/sh
# Clients are where the primary is, whoever promoted it. `attend` runs as long as a pooler's host does; `start` is a step of
# pgbouncer's unit, since the primary may have changed while it was down; `bring MEMBER` is a step of `pgha failover`.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/pooler.sh
. "$lib/pooler.sh"

start() {
  # Whoever moves clients has said where to.
  [ ! -e "$moving" ] || return 0
  find_primary || fail "$errors
clients are led where they were before"
  prepare "$primary"
  rm -rf "$prepared"
}

# Acts where the primary has changed. It asks all members where there is reason to, and otherwise now and then.
attend() {
  known='' missed=0 yielded=0 told='' telling=''
  while :; do
    # A switchover leads clients itself.
    if [ -e "$armed" ]; then
      :
    elif look; then
      # shellcheck disable=SC2154 # find_primary sets them
      if [ "$primary" = "$known" ] || move "$primary"; then
        known=$primary missed=0
        remember "$primary" "$system" "$timeline"
        "$lib/pooler-calm" "$address" "$port_there" >/dev/null || sleep 2
      fi
    else
      missed=$((missed + 1))
      await_promotion
    fi
    sleep 0.2
  done
}

# Over connections that are kept a promotion is seen at once, and costs no login for each look. A look that follows is a
# short one. Where one takes writes and is not to be followed, each pooler waits for as long as makes few logins of all.
# shellcheck disable=SC2154 # the host's values
await_promotion() {
  # shellcheck disable=SC2046 # as words
  news=$("$lib/await-news" "$((10 + poolers / 2))" 0.25 $(printf '%s\n' "$members" | cut -d ' ' -f 1)) || :
  telling=
  case $news in
    *' primary'*)
      case $news in *' primary '?*) telling="${news%% *} ${news#* primary }" ;; esac
      if [ "$missed" -gt 2 ]; then sleep "$((1 + poolers / 10))"; fi
      ;;
    *) missed=0 ;;
  esac
}

# A host that is gone takes all the time that a member has, and another one may be promoted meanwhile. So looks are short while
# nobody takes writes, and leave out who is silent; of those only a promotion counts, since somebody slow may be missing. Each
# tenth is for the slow, and says in the journal why clients stay where they are.
# shellcheck disable=SC2154 # find_primary sets what it finds
look() {
  if [ $((missed % 10)) = 0 ]; then
    PGHA_PATIENCE=2
    export PGHA_PATIENCE
    unset PGHA_LIMIT
    if find_primary; then
      told=
      return
    fi
    # Once for each reason.
    [ "$errors" = "$told" ] || echo "$errors" >&2
    told=$errors
    return 1
  fi
  PGHA_LIMIT=0.5
  export PGHA_LIMIT
  # shellcheck disable=SC2086 # as words
  find_primary $telling || return 1
  if is_promotion "$system" "$timeline"; then return; fi
  # Where it is there again, the next look is patient.
  [ "$primary" != "${known_name:-}" ] || missed=-1
  return 1
}

# On a higher timeline than any before.
is_promotion() { # SYSTEM TIMELINE
  read_known || return 0
  [ "$known_system" != "$1" ] || [ "$2" -gt "${known_timeline:-0}" ]
}

# A switchover leads clients by itself, and breaks no connection; nothing else moves them while one is under way. Whoever waited
# for the lock would act on what was so before: it looks again instead. But whoever holds the lock for long (a run that
# installs packages) does not keep clients at a dead primary.
move() { # MEMBER
  [ ! -e "$armed" ] || return 1
  open_lock
  moved=1
  if flock -n 9 || [ "$yielded" -ge 25 ]; then
    yielded=0
    if [ ! -e "$armed" ] && bring "$1"; then moved=0; fi
  else
    yielded=$((yielded + 1))
  fi
  unlock
  return "$moved"
}

bring() { # MEMBER
  if ! prepare "$1"; then return 1; fi
  rm -rf "$prepared"
  # A pgbouncer that does not run follows when it is started.
  systemctl -q is-active pgbouncer || return 0
  leading=0
  leads "$1" || leading=$?
  case $leading in
    # Unless somebody who did this was ended in the middle.
    0) [ -e "$moving" ] || return 0 ;;
    2) return 1 ;;
  esac
  mkdir -p "$state"
  : >"$moving"
  echo "clients are led to $1, which is the primary now"
  if ! tell 'RELOAD' || ! leads "$1"; then return 1; fi
  if is_held; then begin_anew; else (resume); fi || return 1
  rm -f "$moving"
}

# Whether a client waits for an answer that comes from a former primary, or never. RELOAD marked every older connection; those
# that are not in use it closes by itself.
is_held() {
  tell 'SHOW SERVERS' -P tuples_only=off -P footer=off | awk -F '|' '
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    $column["close_needed"] > 0 && $column["state"] ~ /^(active|being_canceled)/ { held = 1 }
    END { exit !held }'
}

# KILL would free what a client that is logging in still uses: pgbouncer (1.15 to 1.25) then crashes or leaves that client
# waiting for ever. All clients connect again either way.
begin_anew() {
  systemctl kill --signal=KILL pgbouncer
  systemctl reset-failed pgbouncer 2>/dev/null || :
  systemctl restart pgbouncer
}

step=$1
shift
case $step in
  start | attend) "$step" ;;
  bring) bring "$@" ;;
  *) fail "there is no step $step" ;;
esac
