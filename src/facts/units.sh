# shellcheck shell=sh
# The state of units: UNIT…. A template's instance that never ran has none of its own; systemd answers for it all the same.
# systemd does not always tell that it is behind: not of a file in `/etc` that takes the place of a package's (its
# issue 4500), nor, in release 252, of the first one in a new `.d` (31752).
systemctl show --timestamp=us -p Id,LoadState,ActiveState,SubState,UnitFileState,MainPID,ActiveEnterTimestamp,StateChangeTimestamp,NeedDaemonReload,FragmentPath,DropInPaths "$@" |
while IFS= read -r line; do
  case $line in
    Id=*) file=/etc/systemd/system/${line#*=} ;;
    *Timestamp=?*) line="${line%%=*}=$(date -d "${line#*=}" +%s.%6N)" ;;
    FragmentPath=*) if [ -f "$file" ] && [ ! -L "$file" ] && [ "${line#*=}" != "$file" ]; then echo "Unread=$file"; fi ;;
    DropInPaths=*)
      for over in "$file".d/*.conf; do
        case $line in *"$over"*) ;; *) if [ -s "$over" ]; then echo "Unread=$over"; fi ;; esac
      done ;;
  esac
  printf '%s\n' "$line"
done
