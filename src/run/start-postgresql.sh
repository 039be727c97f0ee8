# shellcheck shell=sh
# Starts a PostgreSQL server's unit and waits until it answers: UNIT PORT SECONDS.
systemctl start --no-block -- "$1"
began=$(date +%s)
until [ "$(own_psql 10 "$2" -d postgres -c 'select true' 2>/dev/null)" = t ]; do
  waited=$(( $(date +%s) - began ))
  case $(systemctl is-active -- "$1") in
    failed) ended=1 ;;
    inactive) if [ $waited -gt 5 ]; then ended=1; else ended=; fi ;;
    *) ended= ;;
  esac
  if [ "$ended" ] || [ "$waited" -ge "$3" ]; then
    echo "PostgreSQL did not answer within $waited s" >&2
    systemctl status --no-pager --full -n 10 -- "$1" >&2
    tail -n 20 /var/log/postgresql/postgresql-*-main.log >&2
    exit 1
  fi
  sleep 0.05
done
