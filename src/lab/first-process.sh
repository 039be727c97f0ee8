# shellcheck shell=sh
# The first process of a lab host; becomes systemd. Arguments: host token, login user, authorized key.
# What is printed is the container's log, the only trace of a host that does not boot.
exec 2>&1
set -e
token=$1 user=$2 key=$3

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
    home=$(getent passwd "$user" | cut -d: -f6)
    install -d -m 700 -o "$user" -g "$user" "$home/.ssh"
    printf '%s\n' "$key" >"$home/.ssh/authorized_keys"
    chmod 600 "$home/.ssh/authorized_keys"
    chown "$user:" "$home/.ssh/authorized_keys"
    mkdir -p "${marker%/*}"
    printf '%s\n' "$token" >"$marker"
fi

# Each takes one of the machine's inotify instances, of which a kernel gives 128 to all hosts together; nobody is asked.
mkdir -p /run/systemd/system
for unit in console wall; do
    ln -sf /dev/null "/run/systemd/system/systemd-ask-password-$unit.path"
done

export container=docker
exec /sbin/init
