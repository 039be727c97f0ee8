# shellcheck shell=sh
# Whether the user may do what scripts do, and the host's release, as scripts after it use it.
[ "$(id -u)" = 0 ] || { echo 'not root' >&2; exit 77; }
# shellcheck disable=SC2034 # by the parts of the probe
pgha_release=$(. /etc/os-release; printf %s "$ID-$VERSION_ID")
