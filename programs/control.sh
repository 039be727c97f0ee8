# shellcheck shell=sh
# What a data directory says of itself, and the arithmetic of the write-ahead log. LSNs are written `HIGH/LOW`, both 32 bits in
# hexadecimal; a segment's file is named by timeline, the upper half and the number of the segment in it, eight
# hexadecimal digits each (PostgreSQL, "WAL Internals").

# What pg_controldata says, into $control.
# shellcheck disable=SC2154 # $bin and $data are the host's values
read_control() { control=$(as_postgres "$bin/pg_controldata" "$data"); }

# One line of it, into $value: each new process costs milliseconds, and clients may be waiting.
value() { # NAME
  value=${control#*"$1:"}
  value=${value%%"
"*}
  value=${value#"${value%%[! ]*}"}
}

# The timeline on which the data directory is, into $timeline. A promotion writes it as “min recovery ending” at once; its
# checkpoint may come later.
control_timeline() {
  value "Latest checkpoint's TimeLineID"
  timeline=$value
  value "Min recovery ending loc's timeline"
  if [ "$value" -gt "$timeline" ]; then timeline=$value; fi
}

# The size of a segment in bytes, into $segment.
control_segment() {
  value 'Bytes per WAL segment'
  segment=$value
}

is_shut_down() { # of what read_control has read
  value 'Database cluster state'
  case $value in 'shut down' | 'shut down in recovery') return 0 ;; *) return 1 ;; esac
}

# An LSN as a number of bytes (63 bits: PostgreSQL does not reach more), into $bytes; and back.
bytes_of() { # LSN
  bytes=$(((0x${1%/*} << 32) + 0x${1#*/}))
}

lsn_of() { # BYTES
  printf '%X/%X\n' $(($1 >> 32)) $(($1 & 0xFFFFFFFF))
}

# The segment that an LSN is in.
segment_of() { # TIMELINE LSN; $segment
  bytes_of "$2"
  segment_at "$1" $((bytes / segment))
}

# The segment of that number, counted from the first.
segment_at() { # TIMELINE NUMBER; $segment
  per_high=$((0x100000000 / segment))
  printf '%08X%08X%08X' "$1" $(($2 / per_high)) $(($2 % per_high))
}

# The one after it.
segment_after() { # NAME; $segment
  tail=${1#????????}
  tail=$((0x${tail%????????} * (0x100000000 / segment) + 0x${tail#????????} + 1))
  segment_at "$((0x${1%????????????????}))" "$tail"
}

# The first LSN in a segment.
segment_start() { # NAME; $segment
  tail=${1#????????}
  printf '%X/%X\n' "$((0x${tail%????????}))" "$((0x${tail#????????} * segment))"
}

# Where the record of LENGTH bytes at LSN ends: the position that a standby reports once it has all of it. A record that
# goes over the end of a page (8 KiB) has the next page's header in it, 24 bytes, or 40 where a segment begins; records are
# aligned to 8 bytes.
record_end() { # LSN LENGTH; $segment
  bytes_of "$1"
  length=$2
  page=$((bytes / 8192 * 8192 + 8192))
  if [ $((bytes + length)) -gt "$page" ]; then
    length=$((length + 24))
    if [ $((page % segment)) = 0 ]; then length=$((length + 16)); fi
  fi
  lsn_of $(((bytes + length + 7) / 8 * 8))
}

# The names of the segments of one timeline in a folder, in order; from FIRST on.
segments() { # DIRECTORY TIMELINE [FIRST]
  # Compared as text: to awk, names without letters are numbers, and too long to be exact.
  as_postgres ls "$1" | grep -E "^$(printf '%08X' "$2")[0-9A-F]{16}\$" | sort | awk -v first="_${3:-}" '"_" $0 >= first'
}
