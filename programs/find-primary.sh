#!/bin/sh
# Prints the member that takes writes, `NAME ADDRESS PORT TIMELINE SYSTEM`, whoever promoted it. It needs nothing of pgha's
# but what is in its folder. With names, of those members alone.
#
# Of several it is the one on the highest timeline: a promotion begins a new one, so the others are former primaries.
#
# Exit code: 0 found; 1 no member takes writes, as far as members answer; 2 it could not ask; 3 several do, on one timeline
# or in clusters of different system identifiers; 4 none says so, but one that is there does not tell. stderr says why.
# shellcheck source=programs/common.sh
. "${0%/*}/common.sh"

answers=$("$lib/ask-members" "$@") || exit 2

highest=0 found='' others='' systems='' untold=''
while read -r name address port kind timeline system; do
  case $kind in
    primary)
      case $systems in
        '') systems=$system ;;
        "$system") ;;
        *)
          echo "find-primary: ${found%% *} and $name take writes, and are of different clusters" >&2
          exit 3
          ;;
      esac
      if [ "$timeline" -gt "$highest" ]; then
        highest=$timeline found="$name $address $port $timeline $system" others=''
      elif [ "$timeline" -eq "$highest" ]; then
        others="$others and $name"
      fi
      ;;
    there) untold="$untold $name" ;;
  esac
done <<END
$answers
END

if [ "$others" ]; then
  echo "find-primary: ${found%% *}$others take writes, all on timeline $highest" >&2
  exit 3
fi
if [ "$found" ]; then
  echo "$found"
  exit
fi
if [ "$untold" ]; then
  printf 'find-primary: no member says that it takes writes, and up without telling is:%s\n%s\n' "$untold" "$answers" >&2
  exit 4
fi
printf 'find-primary: no member takes writes\n%s\n' "$answers" >&2
exit 1
