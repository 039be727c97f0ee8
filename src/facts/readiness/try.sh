# shellcheck shell=sh
# Tells how a command ended and what it said. Each line is one write, so that answers that come at the same time do not mix.
try() { # WORDS COMMAND…
  words=$1 code=0; shift
  said=$("$@" 2>&1 </dev/null) || code=$?
  printf '%s %s %s\n' "$words" "$code" "$(printf %s "$said" | tr -d '\r' | tr '\n' '\036')"
}
