# shellcheck shell=bash disable=SC1091,SC2034,SC2154
# Answers what the model asks: a line names one of `programs/` and its words, and that program runs, as it is shipped, in a fork of
# this shell. What it would ask of its host or of others, it asks of functions, which say what `$root/host/values` has; what it
# would do to the host is a line of `$root/host/log`. The answer is its exit code.
#
# bash, for it lets a function have the name of a path: `"$lib/find-primary"` starts no process, and a process is what costs time.
root=${0%/lib/*}
host=$root/host
. "$root/programs/common.sh"
set +eu
for library in control server peers quorum contest asking; do . "$root/programs/$library.sh"; done

uid=1000 isolation_timeout=6 port=5432 bin=/bin repmgr=repmgr unit=postgresql@15-main session='' watch_user=pgha_watch poolers=2
data=$host/data kept=$host/kept state=$host/run guard_off=$host/run/guard-off isolated=$host/run/isolated
pooler_directory=$host/pooler pooler_port=6432

did() { echo "$*" >>"$host/log"; }

# --- what stands for the host's own programs ---
sync() { :; }
mkdir() { :; }
flock() { :; }
open_lock() { :; }
unlock() { :; }
lock() { :; }
env() { return 1; }
awk() { return 1; }
date() { echo 1000; }
stat() { echo 1000; }
timeout() { while [ "$1" = -k ]; do shift 2; done; shift; "$@"; }
tail() { mapfile -t lines; printf '%s\n' "${lines[-1]-}"; }
head() { read -r line; printf '%s\n' "$line"; }
sort() { mapfile -t lines; command sort <<<"$(printf '%s\n' "${lines[@]}")"; }
# Whoever writes it anew makes it empty first.
rm() { for path; do case $path in -*) ;; *) [ ! -e "$path" ] || echo removed >"$path" ;; esac; done; }
# A turn of a loop, and no more.
sleep() { [ "$turns" -gt 0 ] || exit 0; turns=$((turns - 1)); }
# Between two looks more time goes by than anything waits for.
seconds() { echo "${EPOCHREALTIME/[.,]/}"; }
keep_line() { printf '%s\n' "$2" >"$kept/$1"; }
make_file() { : >"$1"; }
systemctl() {
  case $* in
    is-system-running) echo running ;;
    'start --no-block '*) did start ;;
    *is-active*pgbouncer) [ "$pgbouncer" ] ;;
  esac
}

# --- its PostgreSQL ---
stopped=''
runs() { pid=1; [ ! "$stopped" ] && [ -e "$data/postmaster.pid" ]; }
stop_server() { stopped=yes; did stop; }
is_writable() { [ "$writable" ]; }
read_control() {
  control="Database system identifier:           7
Database cluster state:               $control_state
Latest checkpoint's TimeLineID:       $own_timeline_is
Min recovery ending loc's timeline:   0
"
}
sql() {
  case $2 in
    *received_tli*) echo "$own_timeline_is" ;;
    *pg_stat_replication*) echo "$standing" ;;
    *pg_promote*) did promote; writable=yes ;;
  esac
}

# --- the others ---
eval "function $lib/ask-members { printf '%s' \"\$answers\"; }
function $lib/await-news { :; }
function $lib/pooler-calm { :; }
function $lib/find-primary { (. $root/programs/find-primary.sh); }
function $lib/standing { (. $root/programs/standing.sh); }
function $bin/pg_isready { case \" \$ready \" in *\" \$5 \"*) ;; *) return 2 ;; esac; }"
# `$places` has `ADDRESS TIMELINE`, `$standings` `ADDRESS STANDING`, of hosts in reach.
ssh_to() {
  case $2 in
    */timeline) said=$hosts_at ;;
    */standing) said=$hosts_are ;;
    *) return 255 ;;
  esac
  while read -r address rest; do
    [ "$address" != "$1" ] || { printf '%s\n' "${rest//;/$'\n'}"; return; }
  done <<<"$said"
  return 255
}

# --- a pooler: what `lib/pooler.sh` puts in the place of its pgbouncer ---
pgbouncer_is_played() {
  prepare() { prepared_for=$1; }
  resume() { :; }
  tell() {
    case $1 in
      RELOAD) target=$prepared_for; did "lead $target" ;;
      'SHOW DATABASES') while read -r name line; do [ "$name" != "$target" ] || echo "$line"; done <<<"$pooler_targets" ;;
    esac
  }
}

ask() {
  . "$host/values"
  program=$1
  shift
  set -eu
  . "$root/programs/$program.sh"
}

while read -r words; do
  # shellcheck disable=SC2086 # as words
  (ask $words) >"$host/out" 2>"$host/err" </dev/null
  echo $?
done
