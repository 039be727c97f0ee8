-- Says what this member is, and again every so often: over a connection that is kept that costs a tenth of a login.
-- It is in no transaction in between, and so holds up nothing that a standby replays.
select :'name', case when pg_is_in_recovery() then 'standby' else 'primary' end
\watch :every
