-- One row is what one replica said of itself at one moment, with how old what it has is: the time since its source was where it is now.
-- That needs samples of both, of the same day; it is NULL, never 0, where it is not known. `slowlake report lag` tells what comes of it.
--
-- ts: moment of the sample, UTC
-- event_date: day of ts; conditions on it skip whole files, those on ts do not
-- server: name of the replica
-- channel: its channel or connection (MySQL, MariaDB)
-- cluster: name of the cluster that the server belongs to
-- dialect: postgres or mysql
-- source_server: name of the server it replicates, if that is sampled
-- staleness_us: how old what it has applied is, microseconds; it includes the delay that is configured
-- configured_delay_us: how far it is told to stay behind, microseconds
-- vendor_lag_us: what the server itself calls its lag, microseconds: see docs/collectors.md for what that is worth
-- receiver: running, connecting, stopped, none or unknown
-- applier: running, paused, pausing or stopped
-- unapplied_bytes: received and not yet applied, bytes
WITH samples AS (
    SELECT
        ts, event_date, server, cluster, dialect, object, size_bytes, attributes,
        event = 'replica' AS is_replica,
        CASE
            WHEN dialect = 'postgres' THEN coalesce(attributes['system_id'], 'of cluster ' || coalesce(cluster, ''))
            WHEN event = 'replica' THEN coalesce(cluster, '') || '/' || attributes['source_id']
            ELSE coalesce(cluster, '') || '/' || attributes['server_id']
        END AS line,
        -- A place in a binary log is that in its file, and the file's number times 2^40.
        CASE
            WHEN event <> 'replica' AND dialect = 'postgres' THEN size_bytes
            WHEN dialect = 'postgres' THEN TRY_CAST(attributes['applied_position'] AS BIGINT)
            WHEN event <> 'replica'
                THEN TRY_CAST(split_part(attributes['file'], '.', -1) AS BIGINT) * 1099511627776 + size_bytes
            ELSE TRY_CAST(split_part(attributes['applied_file'], '.', -1) AS BIGINT) * 1099511627776
                + TRY_CAST(attributes['applied_position'] AS BIGINT)
        END AS position
    FROM events
    WHERE kind = 'metric' AND event IN ('source_position', 'replica')
),
placed AS (
    SELECT
        *,
        max(CASE WHEN is_replica THEN NULL ELSE server END) OVER (PARTITION BY event_date, line) AS source_server,
        last_value(CASE WHEN is_replica THEN NULL ELSE ts END) IGNORE NULLS OVER until_now AS seen_ts,
        last_value(CASE WHEN is_replica THEN NULL ELSE ts END) IGNORE NULLS OVER until_here AS before_ts,
        last_value(CASE WHEN is_replica THEN NULL ELSE position END) IGNORE NULLS OVER until_here AS before_position,
        first_value(CASE WHEN is_replica THEN NULL ELSE ts END) IGNORE NULLS OVER from_here AS after_ts,
        first_value(CASE WHEN is_replica THEN NULL ELSE position END) IGNORE NULLS OVER from_here AS after_position
    FROM samples
    WINDOW
        until_now AS (PARTITION BY event_date, line ORDER BY ts, is_replica ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        until_here AS (
            PARTITION BY event_date, line ORDER BY position, is_replica, ts
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ),
        from_here AS (
            PARTITION BY event_date, line ORDER BY position, is_replica, ts
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        )
),
-- When the source left the place; what it did in more than a minute without a sample is taken for the worse.
passed AS (
    SELECT
        *,
        CAST(before_ts AS BIGINT) + CASE
            WHEN CAST(after_ts AS BIGINT) - CAST(before_ts AS BIGINT) > 60000000 THEN 0
            ELSE CAST(trunc(
                CAST(position - before_position AS DOUBLE) / CAST(after_position - before_position AS DOUBLE)
                * CAST(CAST(after_ts AS BIGINT) - CAST(before_ts AS BIGINT) AS DOUBLE)
            ) AS BIGINT)
        END AS left_us
    FROM placed
    WHERE is_replica
)
SELECT
    ts, event_date, server, object AS channel, cluster, dialect, source_server,
    CASE
        WHEN position IS NULL THEN NULL
        WHEN left_us IS NOT NULL THEN greatest(CAST(ts AS BIGINT) - left_us, 0)
        WHEN after_ts IS NULL AND CAST(ts AS BIGINT) - CAST(seen_ts AS BIGINT) <= 60000000 THEN 0
    END AS staleness_us,
    TRY_CAST(attributes['configured_delay_us'] AS BIGINT) AS configured_delay_us,
    TRY_CAST(attributes['vendor_lag_us'] AS BIGINT) AS vendor_lag_us,
    attributes['receiver'] AS receiver,
    attributes['applier'] AS applier,
    size_bytes AS unapplied_bytes
FROM passed
