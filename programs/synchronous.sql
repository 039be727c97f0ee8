-- What commits on this primary wait for, as it runs: `pgha failover` reads it once the primary is dead. A session's own
-- settings are nobody else's: what a database or a role sets for all of its sessions is told apart. pgha's session has one of
-- its own (`local`, source `client`): then the server's is what stands in the files, as long as it has loaded them as they are.
set search_path = pg_catalog;
select json_build_object(
  'at', extract(epoch from clock_timestamp()),
  'timeline', ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int,
  'names', current_setting('synchronous_standby_names'),
  'commit', (select case
      when source in ('default', 'configuration file', 'command line') then setting
      when source = 'client' and is_loaded then coalesce(written, boot_val) end
    from pg_settings, (select bool_and((pg_stat_file(sourcefile)).modification <= pg_conf_load_time()) as is_loaded,
        (array_agg(setting order by seqno desc) filter (where lower(name) = 'synchronous_commit'))[1] as written
      from pg_file_settings) files
    where name = 'synchronous_commit'),
  'own', (select coalesce(json_agg(json_build_object('role', rolname, 'database', datname, 'commit', split_part(setting, '=', 2))), '[]')
    from pg_db_role_setting left join pg_roles r on r.oid = setrole left join pg_database d on d.oid = setdatabase,
      unnest(setconfig) setting where setting like 'synchronous\_commit=%'));
