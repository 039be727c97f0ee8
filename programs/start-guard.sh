#!/bin/sh
# Before PostgreSQL starts, whoever starts it: a step of its unit. A server that would take writes asks first whether the
# cluster has gone on without it. A member on a higher timeline is past a promotion. Whoever does not answer forbids nothing,
# so that a cluster that starts cold comes up; but what this host was once told holds, whoever answers today.
#
# Exit code: 0, it may start; 1, it may not, and stderr says why.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/control.sh
. "$lib/control.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"
# shellcheck source=programs/peers.sh
. "$lib/peers.sh"

# shellcheck disable=SC2154 # the host's values
refuse() { # NAME TIMELINE
  fail "PostgreSQL is not started: $1 is on timeline $2, this server on $own_timeline, and it would be a second primary. $advice"
}

# Debian's start takes whatever has the word “postgres” on its command line, as our own questions do, for a server that runs,
# once it has the number in the file; after a boot numbers come again.
if [ -e "$data/postmaster.pid" ] && ! runs; then as_postgres rm -f "$data/postmaster.pid"; fi
if [ -e "$data/standby.signal" ] || [ -e "$data/recovery.signal" ] || [ ! -e "$data/global/pg_control" ]; then exit 0; fi
# A switchover that was undone has made sure that nobody was promoted.
if [ -e "$state/starting-again" ]; then exit 0; fi
end_guard_off
if [ -e "$guard_off" ]; then
  echo "$guard_off is there: whether another member is the primary is not asked"
  rm -f "$kept/outvoted"
  exit 0
fi
read -r own_system own_timeline <<END
$(position)
END
# PostgreSQL itself says what is wrong with such a control file.
[ "$own_timeline" ] || exit 0

# shellcheck disable=SC2154 # they set them
if was_replaced "$own_system" "$own_timeline" || was_outvoted "$own_system" "$own_timeline"; then refuse "$replaced_by" "$replaced_on"; fi

# After a power cut the others may only be booting: this host is, too. systemd says so for as long as anything hangs.
tries=0
until ask_others || [ "$tries" -ge 10 ] || [ "$(seconds)" -ge 120 ] || [ "$(systemctl is-system-running)" != starting ]; do
  tries=$((tries + 1))
  sleep 1
done
# shellcheck disable=SC2154 # ask_others sets it
while read -r name system timeline; do
  if [ "$system" = "$own_system" ] && [ "$timeline" -gt "$own_timeline" ]; then
    remember_replaced "$name" "$system" "$timeline"
    refuse "$name" "$timeline"
  fi
done <<END
$places
END

# Promoted on the same timeline, or started without its signal.
if found=$(PGHA_PATIENCE=2 "$lib/find-primary" 2>/dev/null); then
  read -r name _ _ timeline system <<END
$found
END
  if [ "$name" != "$me" ] && [ "$system" = "$own_system" ] && [ "$timeline" -ge "$own_timeline" ]; then
    [ "$timeline" = "$own_timeline" ] || remember_replaced "$name" "$system" "$timeline"
    refuse "$name" "$timeline"
  fi
fi
