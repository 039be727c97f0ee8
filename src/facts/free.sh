# shellcheck shell=sh
# Free bytes where each PATH… is, or would be.
for path; do
  at=$path; until [ -d "$at" ]; do at=$(dirname "$at"); done
  echo "$(df -B1 --output=avail "$at" | tail -n 1) $path"
done
