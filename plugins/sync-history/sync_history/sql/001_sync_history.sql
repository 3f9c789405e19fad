-- Runs, counts, bookmarks and rejects of every sync. One row per attempt at one stream.

CREATE TABLE orchestration.sync_history (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id              text NOT NULL,
    crm_source          varchar(50) NOT NULL,
    sync_type           varchar(100) NOT NULL,
    endpoint            varchar(200),
    status              varchar(20) NOT NULL DEFAULT 'running',
    start_time          timestamptz NOT NULL,
    end_time            timestamptz,
    heartbeat_at        timestamptz,
    records_processed   bigint NOT NULL DEFAULT 0,
    records_created     bigint NOT NULL DEFAULT 0,
    records_updated     bigint NOT NULL DEFAULT 0,
    records_unchanged   bigint NOT NULL DEFAULT 0,
    records_failed      bigint NOT NULL DEFAULT 0,
    records_deleted     bigint NOT NULL DEFAULT 0,
    error_message       text,
    error_category      varchar(30),
    performance_metrics jsonb NOT NULL DEFAULT '{}',
    configuration       jsonb NOT NULL DEFAULT '{}',
    bookmark            jsonb,
    bookmark_before     jsonb,
    created_at          timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT status_is_known CHECK (status IN ('running', 'success', 'failed', 'partial')),
    CONSTRAINT crm_source_is_plain CHECK (crm_source ~ '^[a-z0-9]+$'),
    -- A stream name in snake_case; no umbrella rows, no "_sync" suffix.
    CONSTRAINT sync_type_is_a_stream CHECK (
        sync_type ~ '^[a-z0-9_]+$' AND sync_type <> 'all' AND sync_type !~ '_sync$'
    ),
    CONSTRAINT only_running_has_no_end CHECK ((status = 'running') = (end_time IS NULL)),
    CONSTRAINT counts_are_not_negative CHECK (
        least(records_created, records_updated, records_unchanged, records_failed, records_deleted) >= 0
    ),
    CONSTRAINT counts_add_up CHECK (
        records_processed = records_created + records_updated + records_unchanged + records_failed
    )
);

COMMENT ON TABLE orchestration.sync_history IS 'One row per attempt at one stream of one CRM; an operator''s edit of a bookmark is a row too.';
COMMENT ON COLUMN orchestration.sync_history.sync_type IS 'Stream name, plural snake_case.';
COMMENT ON COLUMN orchestration.sync_history.records_processed IS 'Records received: created + updated + unchanged + failed. Swept deletes are counted beside the sum.';
COMMENT ON COLUMN orchestration.sync_history.records_unchanged IS 'Rows equal to the stored ones, older than them, or superseded within the batch.';
COMMENT ON COLUMN orchestration.sync_history.bookmark IS 'Where the next run of this stream starts; {} says: from the beginning. NULL: this attempt set none.';

CREATE INDEX sync_history_stream ON orchestration.sync_history (crm_source, sync_type, status, end_time DESC);
CREATE INDEX sync_history_start ON orchestration.sync_history (start_time);
CREATE INDEX sync_history_running ON orchestration.sync_history (crm_source, sync_type) WHERE status = 'running';
CREATE INDEX sync_history_run ON orchestration.sync_history (run_id);
CREATE INDEX sync_history_bookmark ON orchestration.sync_history (crm_source, sync_type, id DESC) WHERE bookmark IS NOT NULL;

-- The one place that says where a stream stands.
CREATE VIEW orchestration.current_bookmark AS
SELECT DISTINCT ON (crm_source, sync_type)
    crm_source, sync_type, bookmark, id AS sync_history_id, run_id,
    coalesce(heartbeat_at, end_time, start_time) AS set_at
FROM orchestration.sync_history
WHERE bookmark IS NOT NULL
ORDER BY crm_source, sync_type, id DESC;

CREATE TABLE orchestration.sync_reject (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync_history_id bigint NOT NULL REFERENCES orchestration.sync_history,
    crm_source      varchar(50) NOT NULL,
    sync_type       varchar(100) NOT NULL,
    category        varchar(30) NOT NULL,
    field           text,
    reason          text NOT NULL,
    record_key      jsonb,
    record          jsonb,
    fingerprint     text NOT NULL,
    times_seen      bigint NOT NULL DEFAULT 1,
    first_seen_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at    timestamptz NOT NULL DEFAULT now(),
    resolved_at     timestamptz,
    resolution      text
);

COMMENT ON TABLE orchestration.sync_reject IS 'Records, or single values, that could not be loaded, each kept with its reason. Holds personal data.';
COMMENT ON COLUMN orchestration.sync_reject.category IS 'record: the row was not loaded. value: the row was loaded with this value as NULL.';
COMMENT ON COLUMN orchestration.sync_reject.fingerprint IS 'The same fault of the same record, seen again, is counted in times_seen.';

-- A table that is read in full every hour shows the same bad row every hour: one open reject, not 24 a day.
CREATE UNIQUE INDEX sync_reject_open ON orchestration.sync_reject (crm_source, sync_type, fingerprint) WHERE resolved_at IS NULL;
CREATE INDEX sync_reject_history ON orchestration.sync_reject (sync_history_id);

-- The advisory lock that the loader holds, for as long as it lives, on each stream it loads.
CREATE FUNCTION orchestration.stream_lock(crm_source text, sync_type text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN hashtextextended('sync_history/' || crm_source || '/' || sync_type, 0);

-- Close the running rows of processes that are gone: the lock dies with the connection that held it.
-- "own" are the rows of the calling session: their locks can be taken again by it, but they are not stale.
CREATE FUNCTION orchestration.close_stale_runs(own bigint[] DEFAULT '{}') RETURNS SETOF orchestration.sync_history
LANGUAGE plpgsql AS $$
DECLARE
    stale orchestration.sync_history;
BEGIN
    FOR stale IN SELECT * FROM orchestration.sync_history WHERE status = 'running' AND id <> ALL (own)
        ORDER BY id LOOP
        IF pg_try_advisory_xact_lock(orchestration.stream_lock(stale.crm_source, stale.sync_type)) THEN
            UPDATE orchestration.sync_history AS h
            SET status = 'failed',
                end_time = clock_timestamp(),
                error_category = 'interrupted',
                error_message = 'The run ended without a word (killed, or its connection was lost). '
                    'What it had committed stands; the next run goes on from there.'
            WHERE h.id = stale.id AND h.status = 'running'
            RETURNING h.* INTO stale;
            IF FOUND THEN
                RETURN NEXT stale;
            END IF;
        END IF;
    END LOOP;
END
$$;
