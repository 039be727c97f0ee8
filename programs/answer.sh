#!/bin/sh
# What the other members may ask this one over SSH, and nothing else: their key is bound to this program (`command=` in
# postgres's authorized_keys). It is how programs here ask there: `peers.sh` and `failsafe.sh`.
set -eu
lib=${0%/*}
# shellcheck source=tests/programs/host.conf
. "$lib/host.conf"

asked=${SSH_ORIGINAL_COMMAND-}
# shellcheck disable=SC2154 # the host's values
case $asked in
  # Whether it can be asked.
  true) exit 0 ;;
  "$lib/timeline") exec "$lib/timeline" ;;
  "$lib/standing") exec "$lib/standing" ;;
  "$lib/switchover decided "*)
    candidate=${asked#"$lib/switchover decided "}
    case $candidate in '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) ;; *) exec "$lib/switchover" decided "$candidate" ;; esac
    ;;
  # What `repmgr cluster matrix` and `crosscheck` ask from another member, in their words (repmgr 5.3 to 5.5,
  # `repmgr-action-cluster.c`); both only look.
  "$bin/repmgr -f /etc/repmgr.conf  cluster show --csv --terse -L NOTICE") exec "$bin/repmgr" -f /etc/repmgr.conf cluster show --csv --terse -L NOTICE ;;
  "$bin/repmgr -f /etc/repmgr.conf  cluster matrix --csv --terse -L NOTICE") exec "$bin/repmgr" -f /etc/repmgr.conf cluster matrix --csv --terse -L NOTICE ;;
esac
echo 'this key asks for the place of the data, for what a switchover decided, and for what repmgr sees; nothing else' >&2
exit 126
