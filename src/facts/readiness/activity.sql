select 'activity ' || json_build_object(
  'replay_paused', case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end,
  'lags', (select coalesce(json_object_agg(application_name, json_build_object(
      'sent', case when sent_lsn is not null then greatest(pg_wal_lsn_diff(here, sent_lsn), 0) end,
      'flushed', case when flush_lsn is not null then greatest(pg_wal_lsn_diff(here, flush_lsn), 0) end,
      'replayed', case when replay_lsn is not null then greatest(pg_wal_lsn_diff(here, replay_lsn), 0) end)), '{}')
    from pg_stat_replication,
      (select case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end as here) as position
    where state in ('streaming', 'catchup') and application_name not in ('pgha', 'pg_basebackup')),
  'senders', (select count(*) from pg_stat_replication where application_name <> 'pgha'),
  'slots', (select count(*) from pg_replication_slots),
  'backups', (select coalesce(json_agg(application_name || coalesce(' from ' || host(client_addr), '') order by pid), '[]')
    from pg_stat_replication where state = 'backup'),
  'archive_ready', case when current_setting('archive_mode') <> 'off'
    then (select count(*) from pg_ls_archive_statusdir() where name like '%.ready') else 0 end,
  'archiver_fails', current_setting('archive_mode') <> 'off' and (select coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) from pg_stat_archiver),
  'sessions', (select coalesce(json_agg(json_build_object('pid', pid, 'state', coalesce(state, ''), 'user', coalesce(usename, ''),
      'database', coalesce(datname, ''), 'address', host(client_addr), 'application', application_name,
      'transaction', extract(epoch from clock_timestamp() - xact_start), 'in_state', extract(epoch from clock_timestamp() - state_change)) order by pid), '[]')
    from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid())
);
