# shellcheck shell=sh
# psql over the local socket of PORT, in a session of pgha's own: SECONDS PORT ARGUMENT…
# `session VERSION` stands before, and prints what such a session sets.
limit=$1 port=$2
shift 2
# The socket's lock names the data directory, in its second line, and that says of which release the server is.
version=0
{
  { read -r _ && read -r data; } <"/var/run/postgresql/.s.PGSQL.$port.lock" && read -r version <"$data/PG_VERSION"
} 2>/dev/null
PGOPTIONS=$(session "${version%%.*}")
export PGOPTIONS PGCONNECT_TIMEOUT=5
exec timeout "$limit" psql -XAtqw -v ON_ERROR_STOP=1 -p "$port" "$@"
