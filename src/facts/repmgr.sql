select to_regclass('repmgr.nodes') is not null as registered \gset
select 'extensions ' || json_build_object('database', current_database(), 'extensions', (select json_agg(extname order by extname) from pg_extension));
\if :registered
select 'nodes ' || coalesce(json_object_agg(node_name, json_build_object('node_id', node_id, 'upstream_node_id', upstream_node_id,
  'active', active, 'kind', type, 'location', location, 'priority', priority, 'conninfo', conninfo, 'slot_name', slot_name,
  'config_file', config_file)), '{}') from repmgr.nodes;
select 'previous ' || coalesce((select n.node_name from repmgr.events e join repmgr.nodes n using (node_id)
  where e.successful and e.event in ('primary_register', 'standby_promote', 'standby_switchover', 'repmgrd_failover_promote')
    and n.type <> 'primary' order by e.event_timestamp desc limit 1), '');
select 'paused ' || repmgr.repmgrd_is_paused();
\endif
