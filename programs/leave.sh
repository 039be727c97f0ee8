#!/bin/sh
# A node that leaves the cluster, a standby or the witness: its PostgreSQL does not run any more. `pgha remove` runs it, after
# what would start it again or promote it was stopped. Its data stay.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"
# shellcheck source=programs/server.sh
. "$lib/server.sh"

stop_server
# Whom it followed, and with which slot, is of the past: the mark tells so, until `pgha rejoin` makes it a standby again.
# shellcheck disable=SC2154 # the host's values
if [ -e "$data/standby.signal" ]; then make_file "$data/pgha-fenced"; fi
