# shellcheck shell=sh
# New files on trial by the programs that will read them, before they are in place. Each function takes a FOLDER of its own,
# in which `new` is the file; what there is against it goes to stderr. Nothing that runs, and no file of it, is touched.

# Makes $folder for the subshell around it. One that was killed left its own.
trial_folder() {
  find /run -maxdepth 1 -name 'pgha-trial.*' -mmin +60 -exec rm -rf {} +
  folder=$(mktemp -d /run/pgha-trial.XXXXXX)
  trap 'rm -rf "$folder"' EXIT
}

# A program as postgres: without a core, and not for ever.
trial_run() { # FOLDER COMMAND…
  chown -R postgres:postgres "$1"
  chmod -R u=rwX,go= "$1"
  # shellcheck disable=SC2016 # the inner shell expands them
  as postgres sh -c 'ulimit -c 0; cd "$1"; shift; exec timeout 120 "$@"' sh "$@" </dev/null
}

# What was said, with the file's own place for that of the copy.
trial_tell() { # FROM TO: text on stdin
  sed "s|$1|$2|g; s/^[-0-9]* [.:0-9]* [A-Z]* \[[0-9]*\] //" >&2
  return 1
}

# A data directory with which a server comes as far as shared memory, and no further: it has no pg_notify; and a copy of the
# configuration with the new file in it. A control file that is being written at the same moment is copied again.
trial_server() { # FOLDER PATH VERSION DATA CONFIG
  mkdir "$1/data" "$1/data/global"
  echo "$3" >"$1/data/PG_VERSION"
  trial_tries=0
  while :; do
    cp "$4/global/pg_control" "$1/data/global/pg_control" || return
    cmp -s "$4/global/pg_control" "$1/data/global/pg_control" && break
    trial_tries=$((trial_tries + 1))
    [ "$trial_tries" -lt 20 ] || break
  done
  if [ -d "$5" ]; then cp -RLp "$5" "$1/etc"; else mkdir "$1/etc"; fi
  case $2 in
    "$5"/*) trial_at=$1/etc/${2#"$5"/} ;;
    *)
      trial_at=$1/etc/pgha-new.conf
      echo "include 'pgha-new.conf'" >>"$1/etc/postgresql.conf" ;;
  esac
  mkdir -p "${trial_at%/*}"
  cp "$1/new" "$trial_at"
}

# The server that it would be, with little memory and no way in, up to what it would begin its data with.
trial_start() { # FOLDER VERSION OPTION…
  trial_at=$1 trial_version=$2
  shift 2
  trial_run "$trial_at" "/usr/lib/postgresql/$trial_version/bin/postgres" -D "$trial_at/data" \
    -c data_directory="$trial_at/data" -c external_pid_file= -c listen_addresses= -c unix_socket_directories="$trial_at" \
    -c logging_collector=off -c log_destination=stderr -c log_line_prefix= -c log_min_messages=log -c lc_messages=C \
    -c shared_buffers=1MB -c huge_pages=off -c wal_buffers=-1 "$@" >"$trial_at/said" 2>&1
}

# Settings: their names and values; libraries, certificates and keys; and whether they go together.
try_postgresql() { # FOLDER PATH VERSION DATA CONFIG
  trial_server "$@" || return
  postgres=/usr/lib/postgresql/$3/bin/postgres
  if ! trial_run "$1" "$postgres" -D "$1/data" -C max_connections -c config_file="$1/etc/postgresql.conf" \
    -c data_directory="$1/data" >/dev/null 2>"$1/said"; then
    grep -v 'skipping missing configuration' "$1/said" | trial_tell "$1/etc" "$5"
    return
  fi
  trial_start "$1" "$3" -c config_file="$1/etc/postgresql.conf" -c hba_file=/dev/null || :
  if ! grep -q 'could not open directory "pg_notify"' "$1/said"; then
    grep -v 'skipping missing configuration\|database system is shut down' "$1/said" | trial_tell "$1/etc" "$5"
    return
  fi
  trial_value() { # NAME
    trial_run "$folder" "$postgres" -D "$folder/data" -C "$1" -c config_file="$folder/etc/postgresql.conf" 2>/dev/null
  }
  command -v openssl >/dev/null && [ "$(trial_value ssl)" = on ] || return 0
  cert=$(trial_value ssl_cert_file)
  case $cert in */ssl-cert-snakeoil.pem | '') ;; *) not_expired "$cert" ssl_cert_file ;; esac
}

not_expired() { # FILE SETTING
  as postgres openssl x509 -checkend 0 -noout -in "$1" >/dev/null && return
  echo "the certificate of $2, $1, has expired: $(openssl x509 -enddate -noout -in "$1")" >&2
  return 1
}

# pg_hba.conf, with what it includes: the server is up to the point at which it has read it.
try_hba() { # FOLDER PATH VERSION DATA CONFIG
  trial_server "$@" || return
  mkdir "$1/data/pg_notify"
  trial_start "$1" "$3" -c config_file=/dev/null -c hba_file="$trial_at" -c max_connections=4 -c max_wal_senders=0 || :
  grep -q '"pg_wal" does not exist' "$1/said" && return
  grep -B1 "$1/etc\|^FATAL" "$1/said" | trial_tell "$1/etc" "$5"
}

# pgbouncer.ini: pgbouncer starts with it, on a socket of its own, until it is up.
try_pgbouncer() { # FOLDER PATH
  # Names of its own for what it makes. A second [pgbouncer] would begin anew from pgbouncer's defaults, so they are put into
  # the one that is there; and each in its line, so that line numbers stay.
  awk -v folder="$1" '
    function rest(name) {
      if (inside) for (name in own) if (!(name in done)) print name " = " own[name]
    }
    BEGIN {
      own["listen_addr"] = ""; own["unix_socket_dir"] = folder; own["pidfile"] = folder "/pid"; own["logfile"] = ""
      own["syslog"] = "0"; own["min_pool_size"] = "0"
    }
    /^[ \t]*\[/ { rest(); split("", done); inside = tolower($0) ~ /^[ \t]*\[pgbouncer\]/; print; next }
    inside {
      name = $0
      sub(/^[ \t]*/, "", name); sub(/[ \t]*=.*/, "", name)
      if (name in own) { print name " = " own[name]; done[name] = 1; next }
    }
    { print }
    END { rest() }' "$1/new" >"$1/pgbouncer.ini"
  trial_run "$1" /usr/sbin/pgbouncer "$1/pgbouncer.ini" >"$1/said" 2>&1 &
  trial_pid=$! trial_tries=0
  until grep -q 'process up' "$1/said" || ! kill -0 "$trial_pid" 2>/dev/null || [ "$trial_tries" -ge 600 ]; do
    trial_tries=$((trial_tries + 1))
    sleep 0.1
  done
  if [ -s "$1/pid" ]; then kill -INT "$(cat "$1/pid")" 2>/dev/null || :; fi
  wait "$trial_pid" || :
  if ! grep -q 'process up' "$1/said" || grep -q ' ERROR \| FATAL ' "$1/said"; then
    grep -v ' LOG ' "$1/said" | trial_tell "$1/pgbouncer.ini" "$2"
    return
  fi
  for side in client server; do
    cert=$(sed -n "s/^[ \t]*${side}_tls_cert_file[ \t]*=[ \t]*//p" "$1/new" | tail -n 1)
    case $cert in */ssl-cert-snakeoil.pem | '') continue ;; esac
    as postgres cat "$cert" >/dev/null || return
    if command -v openssl >/dev/null; then not_expired "$cert" "${side}_tls_cert_file" || return; fi
  done
  for name in client_tls_key_file client_tls_ca_file server_tls_key_file server_tls_ca_file auth_hba_file auth_ident_file; do
    file=$(sed -n "s/^[ \t]*${name}[ \t]*=[ \t]*//p" "$1/new" | tail -n 1)
    case $file in '') ;; *) as postgres cat "$file" >/dev/null || { echo "$name names it" >&2; return 1; } ;; esac
  done
}

# repmgr.conf: repmgr reads it for a verb that neither asks nor changes anything. It goes on where it knows no such name.
try_repmgr() { # FOLDER PATH VERSION
  trial_code=0
  trial_run "$1" "/usr/lib/postgresql/$3/bin/repmgr" -f "$1/new" node service --list-actions >/dev/null 2>"$1/said" ||
    trial_code=$?
  if [ "$trial_code" != 0 ] || grep -q '^WARNING\|^ERROR' "$1/said"; then
    trial_tell "$1/new" "$2" <"$1/said"
  fi
}
