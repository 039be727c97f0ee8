# shellcheck shell=sh
# Whether a server runs, and whether its unit started it: PID_FILE UNIT.
if read -r pid <"$1" && read -r command <"/proc/$pid/comm" && [ "$command" = postgres ]; then
  case $(cat "/proc/$pid/cgroup") in */"$2".service*) echo "postmaster $pid unit" ;; *) echo "postmaster $pid stray" ;; esac
fi 2>/dev/null
