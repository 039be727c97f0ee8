#!/bin/sh
# Stands for any program that a host program starts: says what the test wrote for it, and notes that it was called. An answer is
# `NAME.KEY.out`, `.err` and `.code`; the key is the member's address that is among the words, or `local`.
name=${0##*/} here=${0%/*}/../answers
key=local
for word; do case $word in 172.30.*) key=$word ;; esac; done
printf '%s %s\n' "$name" "$*" >>"$here/../calls"
for file in "$here/$name.$key" "$here/$name.any"; do
  if [ -e "$file.code" ]; then
    cat "$file.out"
    cat "$file.err" >&2
    exit "$(cat "$file.code")"
  fi
done
exit 0
