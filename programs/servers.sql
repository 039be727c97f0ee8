-- pgbouncer's console: how many of each it has, again and again. Its `used_servers` are connections to the primary.
show lists
\watch 0.5
