# shellcheck shell=sh
# Where the write-ahead log of the data directory $data ends (if $end), and how it came there; $bin, $port. After
# `programs/control.sh`, whose `as_postgres` stands before both.
# shellcheck disable=SC2154 # control.sh sets what is used here
: "${data:?}" "${bin:?}" "${port:?}" "${end:?}"
[ -f "$data/global/pg_control" ] || exit 0
read_control || exit 0
value "Latest checkpoint's TimeLineID"
checkpoint=$value
control_timeline
if [ -e "$data/standby.signal" ]; then
  # A standby's control data are behind what it receives: it is on the newest timeline of which it has any log.
  for history in $(as_postgres ls "$data/pg_wal" | grep -E '^[0-9A-F]{8}\.history$' | sort -r); do
    number=$((0x${history%.history}))
    [ "$number" -gt "$timeline" ] || break
    if [ "$(segments "$data/pg_wal" "$number")" ]; then
      timeline=$number
      break
    fi
  done
fi
echo "timeline $timeline"
value 'wal_log_hints setting'
echo "wal_log_hints $value"
if [ "$(cat /var/lib/pgha/rewinding 2>/dev/null)" = "$data" ]; then echo rewinding; fi
as_postgres ls "$data/pg_wal" | grep -E '^[0-9A-F]{24}$' | cut -c 9- | sort | sed -n '1s/^\(........\)\(........\)$/oldest \1 \2/p'
control_segment
echo "segment $segment"
# Segments are named: told only where to look, pg_waldump learns their size from any file there, also from an empty one.
newest=$(segments "$data/pg_wal" "$timeline" | tail -n 1)
dump() { as_postgres timeout 120 "$bin/pg_waldump" "$@" "$data/pg_wal/$newest" 2>/dev/null; }
value "Latest checkpoint's REDO location"
start=$value
value "Latest checkpoint's REDO WAL file"
redo=$value
name=$(printf '%08X' "$timeline")
if [ -f "$data/pg_wal/$name.history" ]; then
  switches=$(as_postgres sed -n 's|^[[:space:]]*\([0-9][0-9]*\)[[:space:]][[:space:]]*\([0-9A-F]*/[0-9A-F]*\).*|switch \1 \2|p' "$data/pg_wal/$name.history")
  printf '%s\n' "$switches"
  switch=${switches##* }
  dump -s "$switch" -n 1 "$data/pg_wal/$(segment_of "$timeline" "$switch")" | sed -n 's/.* desc: /birth /p'
  case $redo in "$name"*) ;; *) start=$switch ;; esac
fi
# A primary that runs knows better, and its log goes on.
if $end && { [ -e "$data/standby.signal" ] || ! as_postgres pg_isready -q -p "$port"; }; then
  dump -s "$start" "$data/pg_wal/$(segment_of "$timeline" "$start")" | tail -n 1 |
    sed -n 's|.* lsn: \([0-9A-F]*/[0-9A-F]*\), .*|last \1|p'
fi
value 'Latest checkpoint location'
saved=/var/lib/pgha/diverged/$checkpoint-$(echo "$value" | tr / -)
if [ -f "$saved/report" ]; then
  echo "saved $saved"
  as_postgres sed 's/^/report /' "$saved/report"
fi
:
