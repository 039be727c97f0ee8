# What is in a stretch of write-ahead log: reads pg_waldump's lines, prints bytes, commits, the first and the last time of one,
# where the last record begins, and how many records touched each of the user's relations (`relation COUNT TABLESPACE/DATABASE/FILE`).
/ desc: COMMIT/ {
  commits++
  if (match($0, /[0-9]+-[0-9]+-[0-9]+ [0-9:.]+ [A-Z0-9:+-]+/)) {
    last = substr($0, RSTART, RLENGTH)
    if (first == "") first = last
  }
}
{
  split($0, part, "len [(]rec/tot[)]:")
  split(part[2], length_of, /[\/,]/)
  bytes += length_of[2]
  if (match($0, /lsn: [0-9A-F]+\/[0-9A-F]+/)) end = substr($0, RSTART + 5, RLENGTH - 5)
  rest = $0
  while (match(rest, /rel [0-9]+\/[0-9]+\/[0-9]+/)) {
    touched[substr(rest, RSTART + 4, RLENGTH - 4)]++
    rest = substr(rest, RSTART + RLENGTH)
  }
}
END {
  print "bytes " bytes + 0
  print "commits " commits + 0
  if (first != "") { print "first " first; print "last " last }
  if (end != "") print "end " end
  # Relations of the user; what is below is the catalog, and changes along with them.
  for (name in touched) { split(name, oid, "/"); if (oid[3] >= 16384) print "relation " touched[name] " " name }
}
