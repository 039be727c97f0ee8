# shellcheck shell=sh
# A psql that is connected already and waits for statements: while clients wait, there is no time to start one (40 ms).
# $console is the folder of its pipes.
# shellcheck disable=SC2154 # $console is the program's

# Both ends of both pipes are its own, so that it sees no end of input, and can print while nobody reads. It ends by
# itself. It does not hold the host's lock. What a query gives goes to a file, apart from what is said of it.
open_console() { # [NAME=VALUE…] PSQL ARGUMENT…
  close_console
  mkdir -p "$console"
  mkfifo -m 0600 "$console/in" "$console/err"
  : >"$console/out"
  # The process that is started here is `timeout`, which passes on that it is to end.
  setsid timeout 180 setpriv --reuid=postgres --regid=postgres --init-groups -- env HOME="$home" PGCONNECT_TIMEOUT=5 \
    "$@" -XAq 0<>"$console/in" 1>>"$console/out" 2<>"$console/err" 9>&- &
  echo $! >"$console/pid"
}

close_console() {
  if [ -e "$console/pid" ]; then
    read -r pid <"$console/pid"
    kill "$pid" 2>/dev/null || :
  fi
  rm -rf "$console"
}

# Prints what it answers; fails if a statement did, or if there is no answer in time. Whether one failed is asked of psql
# itself: the words of a message depend on the server's language.
ask() { # SECONDS STATEMENT…
  limit=$1
  shift
  if [ ! -p "$console/in" ] || [ ! -p "$console/err" ]; then fail 'the connection is closed: the failsafe timer has run'; fi
  exec 7<>"$console/in" 8<>"$console/err"
  : >"$console/out"
  for statement; do
    # shellcheck disable=SC1003 # psql's commands begin with a backslash
    printf '%s;\n\\if :ERROR\n\\warn pgha-failed :SQLSTATE\n\\endif\n' "$statement"
  done >&7
  # On stderr, which psql does not buffer; it has written the result by then.
  # shellcheck disable=SC1003
  printf '%s\n' '\warn pgha-end' >&7
  said=$(timeout "$limit" sed -u '/^pgha-end$/q' <&8) || fail "no answer within $limit s${said:+: $said}"
  case $said in *pgha-end) ;; *) fail "half an answer: $said" ;; esac
  case $said in *pgha-failed*) fail "${said%%pgha-failed*}" ;; esac
  cat "$console/out"
}
