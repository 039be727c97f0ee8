# shellcheck shell=sh
# How files and folders are made on a host: as root where every folder on the way is root's, else as the owner of the
# first that is not (`owner_of`), who could put a link in the place of anything below it.
# shellcheck disable=SC2016 # inner shells expand what they are given

# Runs a script as whoever may write PATH; $1 of the script is PATH. Refuses where the result is to be somebody else's: only
# root could give it away, by a name that is not root's.
at() { # PATH OWNER SCRIPT ARGUMENT…
  at_path=$1 at_owner=$2 at_script=$3
  shift 3
  at_by=$(owner_of "$at_path")
  if [ "$at_by" != root ] && [ "$at_by" != "$at_owner" ]; then
    echo "$at_path is in a folder of $at_by's, and root makes nothing of $at_owner's there: a link could lead it elsewhere" >&2
    return 1
  fi
  as "$at_by" sh -c "set -eu; cd /; $at_script" sh "$at_path" "$@"
}

# Beside the target, made durable, then renamed over it. Words after GROUP are a command that must accept the new file first, in
# which `%s` stands for its path.
write_file() { # PATH MODE OWNER GROUP [COMMAND…]: content on stdin
  write_path=$1 write_mode=$2 write_owner=$3 write_group=$4
  shift 4
  at "$write_path" "$write_owner" '
    path=$1 mode=$2 owner=$3 group=$4
    shift 4
    folder=${path%/*}
    new=$(mktemp "$folder/.${path##*/}.pgha.XXXXXX")
    trap '\''rm -f "$new"'\'' EXIT
    cat >"$new"
    chown -h "$owner:$group" "$new"
    chmod "$mode" "$new"
    if [ $# -gt 0 ]; then
      for word; do
        case $word in *%s*) word=${word%%%s*}$new${word#*%s} ;; esac
        set -- "$@" "$word"
        shift
      done
      "$@" </dev/null >&2
    fi
    sync "$new"
    mv -fT "$new" "$path"
    sync "${folder:-/}"' "$write_mode" "$write_owner" "$write_group" "$@"
}

make_directory() { # PATH MODE OWNER GROUP
  # `install -d` follows a link that is there already, and so would chown.
  at "$1" "$3" '[ ! -L "$1" ] || { echo "$1 is a link" >&2; exit 1; }
    install -d -m "$2" -o "$3" -g "$4" -- "$1"' "$2" "$3" "$4"
}

set_attributes() { # PATH MODE OWNER GROUP
  at "$1" "$3" '[ ! -L "$1" ] || { echo "$1 is a link" >&2; exit 1; }
    chown -h "$3:$4" "$1"
    chmod "$2" "$1"' "$2" "$3" "$4"
}

remove_file() { # PATH
  as "$(owner_of "$1")" rm -f -- "$1"
}

# An empty folder may be in its place. A mount point cannot be replaced: what is in a folder below it is moved up, `pg_wal`
# first and `PG_VERSION` last, so that it shows whether that has begun and ended.
rename() { # FROM TO
  case $1 in "$2"/*) move_up "$1" "$2"; return ;; esac
  as "$(owner_of "$2")" sh -c 'set -eu
    if [ -e "$2" ]; then rmdir "$2"; fi
    mv -T "$1" "$2"
    folder=${2%/*}
    sync "${folder:-/}"' sh "$1" "$2"
}

move_up() { # FROM TO
  as "$(owner_of "$1")" sh -c 'set -eu
    up() {
      for name; do
        if [ -e "$from/$name" ] || [ -L "$from/$name" ]; then mv -nT "$from/$name" "$to/$name"; fi
      done
    }
    from=$1 to=$2
    up pg_wal
    for entry in "$from"/* "$from"/.[!.]*; do
      case $entry in */PG_VERSION) ;; *) up "${entry##*/}" ;; esac
    done
    sync "$to"
    up PG_VERSION
    rmdir "$from"
    sync "$to"' sh "$1" "$2"
}
