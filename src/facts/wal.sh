# shellcheck shell=sh
# Where the write-ahead log of the data directory $data ends (if $end), and how it came there; $bin, $port.
: "${data:?}" "${bin:?}" "${port:?}" "${end:?}"
[ -f "$data/global/pg_control" ] || exit 0
control=$(as postgres "$bin/pg_controldata" "$data") || exit 0
# PostgreSQL names them: no blanks, no line ends.
in_pg_wal() { ls "$data/pg_wal"; }
value() { printf '%s\n' "$control" | sed -n "s|^$1: *||p"; }
checkpoint=$(value "Latest checkpoint's TimeLineID")
timeline=$checkpoint
# A promotion writes it there at once, its checkpoint may come later.
recovered=$(value "Min recovery ending loc's timeline")
if [ "$recovered" -gt "$timeline" ]; then timeline=$recovered; fi
if [ -e "$data/standby.signal" ]; then
  # A standby's control data are behind what it receives: it is on the newest timeline of which it has any log.
  for history in $(in_pg_wal | grep -E '^[0-9A-F]{8}\.history$' | sort -r); do
    number=$((0x${history%.history}))
    [ "$number" -gt "$timeline" ] || break
    if in_pg_wal | grep -qE "^${history%.history}[0-9A-F]{16}\$"; then
      timeline=$number
      break
    fi
  done
fi
echo "timeline $timeline"
echo "wal_log_hints $(value 'wal_log_hints setting')"
if [ -e "$data.pgha-rewinding" ]; then echo rewinding; fi
in_pg_wal | grep -E '^[0-9A-F]{24}$' | cut -c 9- | sort | sed -n '1s/^\(........\)\(........\)$/oldest \1 \2/p'
segment=$(value 'Bytes per WAL segment')
echo "segment $segment"
name=$(printf '%08X' "$timeline")
segment_of() { printf '%s%08X%08X' "$name" "$((0x${1%/*}))" "$((0x${1#*/} / segment))"; }
# Segments are named: told only where to look, pg_waldump learns their size from any file there, also from an empty one.
newest=$(in_pg_wal | grep -E "^${name}[0-9A-F]{16}\$" | sort | tail -n 1)
dump() { as postgres timeout 120 "$bin/pg_waldump" "$@" "$data/pg_wal/$newest" 2>/dev/null; }
start=$(value "Latest checkpoint's REDO location")
redo=$(value "Latest checkpoint's REDO WAL file")
if [ -f "$data/pg_wal/$name.history" ]; then
  switches=$(sed -n 's|^[[:space:]]*\([0-9][0-9]*\)[[:space:]][[:space:]]*\([0-9A-F]*/[0-9A-F]*\).*|switch \1 \2|p' "$data/pg_wal/$name.history")
  printf '%s\n' "$switches"
  switch=${switches##* }
  dump -s "$switch" -n 1 "$data/pg_wal/$(segment_of "$switch")" | sed -n 's/.* desc: /birth /p'
  case $redo in "$name"*) ;; *) start=$switch ;; esac
fi
# A primary that runs knows better, and its log goes on.
if $end && { [ -e "$data/standby.signal" ] || ! as postgres pg_isready -q -p "$port"; }; then
  dump -s "$start" "$data/pg_wal/$(segment_of "$start")" | tail -n 1 |
    sed -n 's|.* lsn: \([0-9A-F]*/[0-9A-F]*\), .*|last \1|p'
fi
saved=/var/lib/pgha/diverged/$checkpoint-$(value 'Latest checkpoint location' | tr / -)
if [ -f "$saved/report" ]; then
  echo "saved $saved"
  sed 's/^/report /' "$saved/report"
fi
:
