# shellcheck shell=sh
# What every script for a host begins with: a plain environment (needrestart, which apt-get calls, restarts no service), and `as USER COMMAND…`, which runs a command as a user.
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
umask 022
cd /
as() {
  if [ "$1" = root ]; then shift; "$@"; return; fi
  pgha_user=$1; shift
  runuser -u "$pgha_user" -- "$@"
}
