# shellcheck shell=sh
# The first process of a lab host; becomes systemd. Arguments: host token, login user, authorized key, and, for a host of a
# cluster that was kept, the former beginning of all addresses and the present one, e.g. `172.30.7.`.
# `addresses.sh` comes before it.
# What is printed is the container's log, the only trace of a host that does not boot.
exec 2>&1
set -e
token=$1 user=$2 key=$3 old=${4:-} new=${5:-}

# A cgroup tree of its own: with the engine's, the systemds of several containers would share one.
umount -R /sys/fs/cgroup 2>/dev/null || :
mount -t cgroup2 none /sys/fs/cgroup

# A new host, or one started from the snapshot of another: nothing by which hosts are told apart may be inherited.
marker=/var/lib/pgha-lab/host
if [ "$(cat "$marker" 2>/dev/null)" != "$token" ]; then
    rm -rf /etc/ssh/ssh_host_* /var/lib/systemd/random-seed /var/log/journal/*
    rm -f /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
    ssh-keygen -q -t ed25519 -N '' -C "$(hostname)" -f /etc/ssh/ssh_host_ed25519_key
    tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
    if [ "$user" != root ]; then
        id "$user" >/dev/null 2>&1 || useradd -m -s /bin/bash "$user"
        printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\n' "$user" >/etc/sudoers.d/pgha-lab
        chmod 440 /etc/sudoers.d/pgha-lab
    else
        rm -f /etc/sudoers.d/pgha-lab
    fi
    if [ "$old" ]; then
        # Before anything of the cluster starts: with the former addresses it could reach the lab that it was copied from.
        if [ -d /var/lib/pgha-lab/postgresql ]; then
            cp -a /var/lib/pgha-lab/postgresql/. /var/lib/postgresql/
            rm -rf /var/lib/pgha-lab/postgresql
        fi
        turn_addresses "$old" "$new"
        # It waits until its table has the present addresses, see `restored.sh`.
        if [ -L /etc/systemd/system/multi-user.target.wants/repmgrd.service ]; then
            rm /etc/systemd/system/multi-user.target.wants/repmgrd.service
            : >/var/lib/pgha-lab/repmgrd
        fi
        # All are copies of one moment; they cannot ask each other before they know each other's new keys.
        : >/run/pgha-guard-off
        find /var/log -type f -exec truncate -s 0 {} +
        rm -f /root/.bash_history /home/*/.bash_history
    fi
    home=$(getent passwd "$user" | cut -d: -f6)
    install -d -m 700 -o "$user" -g "$user" "$home/.ssh"
    printf '%s\n' "$key" >"$home/.ssh/authorized_keys"
    chmod 600 "$home/.ssh/authorized_keys"
    chown "$user:" "$home/.ssh/authorized_keys"
    mkdir -p "${marker%/*}"
    printf '%s\n' "$token" >"$marker"
fi

# Copies of one cluster have its system identifier and its passwords: whatever the engine lets through, no lab reaches another.
ip route add unreachable 172.30.0.0/16 2>/dev/null || :

# Each takes one of the machine's inotify instances, of which a kernel gives 128 to all hosts together; nobody is asked.
mkdir -p /run/systemd/system
for unit in console wall; do
    ln -sf /dev/null "/run/systemd/system/systemd-ask-password-$unit.path"
done

export container=docker
exec /sbin/init
