# shellcheck shell=sh
# Where data could be: FREE `filesystem` DEVICE MOUNT, a line for each filesystem that is mounted, the last one on a mount
# point last. One that does not answer is left out.
while read -r _ _ device _ mount _ rest; do
  case $mount in /proc | /proc/* | /sys | /sys/* | /dev | /dev/* | /run | /run/*) continue ;; esac
  case ${rest##*" - "} in autofs\ *) continue ;; esac
  # Blanks and the like are in octal.
  case $mount in *\\*) mount=$(printf "$(printf '%s\n' "$mount" | sed 's/%/%%/g')") ;; esac
  free=$(timeout -s KILL 5 stat -f -c '%a %S' -- "$mount") || continue
  echo "$((${free% *} * ${free#* })) filesystem $device $mount"
done </proc/self/mountinfo
