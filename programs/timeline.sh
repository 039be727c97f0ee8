#!/bin/sh
# Prints `SYSTEM TIMELINE`: the system identifier of this member's cluster and the timeline on which it is, whether
# PostgreSQL runs or not; nothing where there is no cluster. Other members ask it over SSH, as postgres.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/control.sh
. "$lib/control.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"

# shellcheck disable=SC2154 # the host's values
[ -e "$data/global/pg_control" ] || exit 0
position
