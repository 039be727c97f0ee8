# Makes a Debian root into one that boots as a lab host; runs inside it, its packages already there.
# Argument: the release's suite, e.g. bookworm.
set -e

# The archive that this root was made from, with the release's updates and, from beside it, its security updates.
archive=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -oE '[a-z]+://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ')
archive=${archive%/}
[ "$archive" ]
rm -f /etc/apt/sources.list.d/debian.sources
printf 'deb %s main\n' "$archive $1" "$archive $1-updates" "$archive-security $1-security" >/etc/apt/sources.list
# An image from a registry forbids services to start, and throws away what apt downloads.
rm -f /usr/sbin/policy-rc.d /etc/apt/apt.conf.d/docker-*

# Hosts that live for minutes: packages go in faster without translations, manuals and a flush per file.
printf 'Acquire::Languages "none";\n' >/etc/apt/apt.conf.d/90pgha-lab
cat >/etc/dpkg/dpkg.cfg.d/pgha-lab <<'END'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
END
rm -rf /usr/share/man/* /usr/share/locale/*
find /usr/share/doc -type f ! -name copyright -delete
find /usr/share/doc -depth -type d -empty -delete
rm -rf /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /var/cache/debconf/*-old
find /var/log -type f -delete

# What Debian's own images for servers say; without it a database made by a package speaks ASCII.
printf 'LANG=C.UTF-8\n' >/etc/default/locale

# A host makes its own when it first starts.
rm -f /etc/ssh/ssh_host_*
: >/etc/machine-id

# Timers that would hold the lock of apt at a moment of their choice, and units that have nothing to do in a container.
mkdir -p /etc/systemd/system
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer console-getty.service getty.target systemd-remount-fs.service systemd-firstboot.service \
    dev-hugepages.mount sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount \
    sys-kernel-tracing.mount systemd-modules-load.service; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done
ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target
# Nothing has changed since: systemd need not build its caches again on each host.
touch /etc/.updated /var/.updated
