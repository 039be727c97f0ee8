select 'extensions ' || json_build_object('database', current_database(), 'extensions', (select json_agg(extname order by extname) from pg_extension));
