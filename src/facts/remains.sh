# shellcheck shell=sh
# What is left of a cluster whatever has become of its data: Debian keeps its configuration elsewhere, made right after they
# were in place, and pgha's own folder is empty until a primary has run.
for path in /etc/postgresql/*/main/postgresql.conf /var/lib/pgha/*; do
  [ -e "$path" ] && echo "$path"
done
:
