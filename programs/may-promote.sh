#!/bin/sh
# repmgrd asks on this member before it promotes it (`failover_validation_command`): an election takes seconds, and in them the
# primary may have come back, and standbys may have acknowledged what it wrote since. It is not looked for again by itself.
#
# Exit code: 3, a primary takes writes, and repmgrd is to hold another election later. Nothing else forbids it, and least of all that
# this could not be asked.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/control.sh
. "$lib/control.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"

# Who is silent has not come back. One that is full does not take more of anybody's writes than of those who are in.
found=$(PGHA_PATIENCE=1 PGHA_LIMIT=1 "$lib/find-primary" 2>/dev/null) || exit 0
read -r name _ _ timeline system <<END
$found
END
read -r own_system own_timeline <<END
$(position)
END
# A former primary beside which this member's primary was promoted is no reason.
if [ "$system" = "$own_system" ] && [ "$timeline" -ge "$own_timeline" ]; then
  echo "$name takes writes on timeline $timeline: nobody is promoted beside it"
  exit 3
fi
