-- Prints `t` where this standby was asked to be promoted and has not yet been. The request is a file until the server heeds
-- it; from then on it refuses to go on with its replay (SQLSTATE 55000, object_not_in_prerequisite_state).
select pg_is_in_recovery() as standby, (pg_stat_file('promote', true)).size is not null as asked \gset
\if :standby
  \if :asked
    select true;
  \else
    select pg_is_wal_replay_paused() as paused \gset
    \if :paused
    \else
      \o /dev/null
      select pg_wal_replay_resume();
      \o
      select :'SQLSTATE' = '55000';
    \endif
  \endif
\endif
