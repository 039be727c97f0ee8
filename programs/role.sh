# shellcheck shell=sh
# What a member does around a change of roles, whoever leads it: the steps of a switchover with pgha, and the failsafe timer
# without.
# shellcheck disable=SC2034,SC2154 # the programs read what is set here; the host's values

# Files that say what is decided; see `switchover.sh`.
armed=$state/armed
signed_off=$state/signed-off
# Whom this server handed the primary's role to, until it has found its place. A timer of an earlier switchover that wakes
# up late must not take it for its own.
handed_to=$kept/handed-to
# What the failsafe timer is for, `ROLE OUTGOING`, from arming until it has acted: a host that boots meanwhile goes on.
pending=$kept/failsafe
# Says that a pause of repmgrd is pgha's. It outlives a reboot, as the pause does.
paused=$kept/repmgrd-paused

console=$state/console

# The old primary is the primary again, whatever has become of its stop.
start_again() {
  [ ! -e "$data/standby.signal" ] || fail 'this server has signed off: it can only come back as a standby'
  # It is still being stopped, and some process of its own does not end: it is made to. Nothing is lost: recovery has all
  # that was committed.
  if [ -e "$state/stopping" ] && runs && [ "$pid" = "$(cat "$state/stopping")" ] && ! is_writable; then halt QUIT; fi
  mkdir -p "$state"
  : >"$state/starting-again"
  waited=0
  until is_writable; do
    runs || systemctl start --no-block "$unit"
    waited=$((waited + 1))
    [ "$waited" -lt 500 ] || fail 'PostgreSQL did not start again within 50 s'
    sleep 0.1
  done
  rm -f "$state/starting-again"
}

# The rows in repmgr's table say who is the primary, and who has failed. As repmgr's own switchover leaves them, in one
# transaction. A witness that followed another would not be asked in an election.
record() { # FAILED…
  [ "$repmgr" ] || return 0
  failed=
  for name; do failed="$failed${failed:+
}$name"; done
  as_postgres env PGCONNECT_TIMEOUT=2 PGOPTIONS="$session" \
    timeout 10 "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -v me="$me" -v failed="$failed" -p "$port" -d "$repmgr" -f - <<'END'
with me as (select node_id from repmgr.nodes where node_name = :'me'),
  wanted as (select node_id, node_name <> all (string_to_array(:'failed', e'\n')) as active,
      case when type = 'witness' then type when node_id = (select node_id from me) then 'primary' else 'standby' end as type,
      nullif((select node_id from me), node_id) as upstream_node_id from repmgr.nodes),
  changed as (update repmgr.nodes n set active = w.active, type = w.type, upstream_node_id = w.upstream_node_id
    from wanted w where w.node_id = n.node_id
      and (n.active, n.type, n.upstream_node_id) is distinct from (w.active, w.type, w.upstream_node_id)
    returning 1)
  insert into repmgr.events (node_id, event, successful, details)
    select node_id, 'standby_switchover', true, 'handed over by pgha' from me where exists (select from changed);
END
}

# repmgrd watches again, if it was pgha that paused it. The mark stays until that is so: callers ask for its success, and
# then a shell does not end where a command in it fails.
unpause() {
  [ -e "$paused" ] || return 0
  sql "$repmgr" 'select repmgr.repmgrd_pause(false)' >/dev/null || return 1
  rm -f "$paused"
}

follow() { # NAME
  to=$(conninfo "$1")
  sql postgres "alter system set primary_conninfo = '$(literal "$to")'" \
    "alter system set primary_slot_name = '$(literal "$slot")'" 'select pg_reload_conf()' >/dev/null
}

streams_from() { # ADDRESS PORT
  [ "$(sql postgres "select exists (select from pg_stat_wal_receiver
    where status = 'streaming' and sender_host = '$1' and sender_port = $2)" 2>/dev/null)" = t ]
}

# A standby has members' slots for those who follow it, and none that nobody uses: WAL would pile up in it.
drop_slots() {
  sql postgres "select pg_drop_replication_slot(slot_name) from pg_replication_slots
    where slot_type = 'physical' and slot_name ~ '^(repmgr_slot|pgha_member)_' and not active" >/dev/null
}

# This member finds its place without pgha: whoever is the primary is followed. Others have a turn with the lock.
find_place() {
  tries=0
  while [ "$tries" -lt 30 ]; do
    tries=$((tries + 1))
    [ "$tries" = 1 ] || rest
    found=$("$lib/find-primary" 2>/dev/null) || continue
    read -r primary address port_there _ <<END
$found
END
    if [ "$primary" = "$me" ]; then
      record && unpause && return 0
    elif streams_from "$address" "$port_there"; then
      drop_slots && unpause && return 0
    elif [ -e "$data/standby.signal" ]; then
      [ -e "$data/postmaster.pid" ] || systemctl start --no-block "$unit"
      follow "$primary" 2>/dev/null || :
    fi
  done
  return 1
}

rest() {
  unlock
  sleep 1
  lock
}

# Nothing is left of a switchover, but where this server handed the role to.
forget() {
  rm -f "$pending" "$armed" "$signed_off" "$state/promoting" "$state/stopping" "$state/stopped" "$state/starting-again"
}

finish() {
  rm -f "$handed_to"
  forget
}
