# shellcheck shell=sh
# Waits until `holds` does: SECONDS.
deadline=$(( $(date +%s) + $1 ))
until holds 2>/dev/null >&2; do
  [ "$(date +%s)" -lt "$deadline" ] || { echo "it did not come true within $1 s" >&2; exit 1; }
  sleep 0.1
done
