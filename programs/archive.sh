#!/bin/sh
# WAL in a directory (`postgresql_archive_directory`): `archive_command` puts a file there, `restore_command` gets it. As postgres.
# A file is there under its name once it is whole and on disk; one of the same name that holds something else is never replaced.
set -eu
umask 077
step=$1 from=$2 to=$3
new=$to.pgha-new.$$
trap 'rm -f -- "$new"' EXIT
trap 'exit 1' HUP INT TERM

case $step in
  put)
    cp -- "$from" "$new"
    sync -- "$new"
    if ! ln -- "$new" "$to" 2>/dev/null; then
      # It was put there before, and PostgreSQL did not learn of it.
      cmp -s -- "$from" "$to" || { echo "$to is there, and is not $from: another cluster archives there, too" >&2; exit 1; }
    fi
    sync -- "${to%/*}"
    ;;
  get)
    [ -e "$from" ] || exit 1
    cp -- "$from" "$new"
    mv -- "$new" "$to"
    ;;
  *) echo "there is no step $step" >&2; exit 1 ;;
esac
