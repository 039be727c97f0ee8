# shellcheck shell=sh
# A copy of a host turns to the addresses of the lab that it is in now.

# All files of a cluster's configuration, in which addresses begin otherwise from now on. A host's own root is empty.
turn_addresses() { # OLD NEW [ROOT], e.g. `172.30.7. 172.30.9.`
    [ "$1" != "$2" ] || return 0
    beginning=$(printf '%s' "$1" | sed 's/[.]/[.]/g')
    # `1172.30.7.1` begins with neither.
    pattern="\\(^\\|[^0-9.]\\)$beginning"
    set -- "$2" "${3-}"
    grep -rlI -e "$pattern" "$2/etc/pgbouncer" "$2/etc/postgresql" "$2/etc/repmgr.conf" "$2/usr/local/lib/pgha" \
        "$2/var/lib/pgha" "$2/etc/pgha" "$2/var/lib/postgresql/.ssh" \
        "$2"/var/lib/postgresql/*/*/postgresql.auto.conf 2>/dev/null |
        while IFS= read -r file; do
            turned=$(mktemp)
            # Twice: two addresses with one character between them share it.
            sed "s/$pattern/\\1$1/g; s/$pattern/\\1$1/g" "$file" >"$turned"
            # Into the file that is there. One that is put in its place by a rename is not gone once it is removed: an overlay in
            # user space (fuse-overlayfs 1.10) then shows the image's again.
            cat "$turned" >"$file"
            rm "$turned"
        done
}
