select 'server ' || json_build_object(
  'in_recovery', pg_is_in_recovery(),
  'system_identifier', (select system_identifier::text from pg_control_system()),
  'timeline', case when pg_is_in_recovery()
    then coalesce((select received_tli from pg_stat_wal_receiver),
                  (select nullif(min_recovery_end_timeline, 0) from pg_control_recovery()),
                  (select timeline_id from pg_control_checkpoint()))
    else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end,
  'position', case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end,
  'received', pg_last_wal_receive_lsn(),
  'replay_paused', pg_is_in_recovery() and pg_is_wal_replay_paused(),
  'started', extract(epoch from pg_postmaster_start_time()),
  'loaded', extract(epoch from pg_conf_load_time()),
  'size', (select coalesce(sum(pg_database_size(oid)), 0) from pg_database),
  -- What pgha's own session sets (`src/postgres/session.rs`) hides the server's: that is what the files say.
  'settings', (select json_object_agg(name, json_build_object(
      'value', case source when 'client' then coalesce(written, boot_val) else current_setting(name, true) end,
      'raw', coalesce(case source when 'client' then coalesce(written, boot_val) else setting end, ''),
      'unit', case when source <> 'client' or written is null then unit end,
      'context', context, 'vartype', vartype, 'pending_restart', pending_restart,
      'waiting', case when pending_restart then coalesce((select f.setting from pg_file_settings f
        where lower(f.name) = lower(s.name) order by seqno desc limit 1), boot_val) end, 'initial', boot_val))
    from pg_settings s left join (select lower(name) as file_name, (array_agg(setting order by seqno desc))[1] as written
      from pg_file_settings group by 1) f on file_name = lower(name)),
  'files', (select coalesce(json_agg(json_build_object('file', sourcefile, 'name', name, 'value', coalesce(setting, ''),
      'line', sourceline) order by seqno), '[]')
      from pg_file_settings where name is not null),
  'overrides', (select coalesce(json_object_agg(name, setting), '{}') from pg_file_settings
      where sourcefile = current_setting('data_directory') || '/postgresql.auto.conf'),
  'roles', (select json_object_agg(rolname, json_build_object('login', rolcanlogin, 'superuser', rolsuper,
      'replication', rolreplication, 'createdb', rolcreatedb, 'createrole', rolcreaterole, 'bypassrls', rolbypassrls,
      'password_sha256', encode(sha256(convert_to(rolpassword, 'UTF8')), 'hex'),
      'md5', coalesce(rolpassword like 'md5%', false),
      'settings', (select coalesce(json_object_agg(split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)), '{}')
        from pg_db_role_setting s, unnest(s.setconfig) c where s.setrole = a.oid and s.setdatabase = 0),
      'executes', (select coalesce(json_agg(p.oid::regprocedure::text), '[]') from pg_proc p, aclexplode(p.proacl) x
        where p.proacl is not null and p.pronamespace = 'pg_catalog'::regnamespace and x.grantee = a.oid and not a.rolsuper),
      'member_of', (select coalesce(json_agg(g.rolname order by g.rolname), '[]') from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = a.oid)))
      from pg_authid a where rolname !~ '^pg_'),
  'databases', (select json_object_agg(datname, json_build_object('owner', pg_get_userbyid(datdba))) from pg_database),
  'slots', (select coalesce(json_object_agg(slot_name, json_build_object('active', active, 'wal_status', wal_status)), '{}')
      from pg_replication_slots where slot_type = 'physical'),
  'senders', (select coalesce(json_object_agg(application_name, json_build_object('state', state, 'replayed', replay_lsn,
      'sync_state', sync_state, 'address', host(client_addr))), '{}') from pg_stat_replication where application_name <> 'pg_basebackup'),
  'receiver', (select json_build_object('status', status, 'host', sender_host, 'port', sender_port, 'slot', slot_name,
      'timeline', received_tli) from pg_stat_wal_receiver),
  'tablespaces', (select coalesce(json_object_agg(oid, json_build_object('location', pg_tablespace_location(oid),
      'size', coalesce(pg_tablespace_size(oid), 0))), '{}') from pg_tablespace where pg_tablespace_location(oid) like '/%'),
  'sources', (select coalesce(json_object_agg(name, source), '{}') from pg_settings
      where source in ('command line', 'environment variable', 'database', 'user', 'database user', 'client', 'session')),
  'broken', (select coalesce(json_agg(json_build_object('file', sourcefile, 'line', sourceline, 'name', name, 'error', error)
      order by sourcefile, sourceline), '[]') from pg_file_settings f where error is not null
      and not exists (select from pg_settings s where lower(s.name) = lower(f.name) and s.pending_restart)),
  'own_settings', (select coalesce(json_agg(json_build_object('role', r.rolname, 'database', d.datname, 'name', split_part(c, '=', 1),
      'value', substr(c, strpos(c, '=') + 1)) order by r.rolname, d.datname, c), '[]') from pg_db_role_setting s
      left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) c)
);
