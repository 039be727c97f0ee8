# shellcheck shell=sh
# After a host of a cluster was copied: it goes on as before.
rm -rf /var/lib/pgha-lab/postgresql /var/lib/pgha-lab/secrets.yml
# The servers first: they were written last.
tac /run/pgha-lab-ran | while read -r unit; do systemctl start --no-block "$unit"; done
rm -f /run/pgha-lab-ran
