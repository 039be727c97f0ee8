#!/bin/sh
# What the other members may ask this one over SSH, and nothing else: their key is bound to this program (`command=` in
# postgres's authorized_keys). It is how programs here ask there: `peers.sh` and `failsafe.sh`.
set -eu
lib=${0%/*}

asked=${SSH_ORIGINAL_COMMAND-}
case $asked in
  # Whether it can be asked.
  true) exit 0 ;;
  "$lib/timeline") exec "$lib/timeline" ;;
  "$lib/standing") exec "$lib/standing" ;;
  "$lib/switchover decided "*)
    candidate=${asked#"$lib/switchover decided "}
    case $candidate in '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) ;; *) exec "$lib/switchover" decided "$candidate" ;; esac
    ;;
esac
echo 'this key asks for the place of the data, and for what a switchover decided; nothing else' >&2
exit 126
