-- What was said to whom about the health of streams, and a quick way to the newest runs of a stream.

CREATE TABLE orchestration.sync_alert (
    channel       varchar(50) NOT NULL,
    crm_source    varchar(50) NOT NULL,
    sync_type     varchar(100) NOT NULL,
    rule          varchar(50) NOT NULL,
    is_open       boolean NOT NULL,
    since         timestamptz NOT NULL,
    last_alarm_at timestamptz NOT NULL,
    times_sent    bigint NOT NULL DEFAULT 1,

    PRIMARY KEY (channel, crm_source, sync_type, rule)
);

COMMENT ON TABLE orchestration.sync_alert IS 'What crm alerts has told each channel of each finding, so that nothing is told twice.';
COMMENT ON COLUMN orchestration.sync_alert.sync_type IS 'The stream; empty for a finding about a whole CRM.';
COMMENT ON COLUMN orchestration.sync_alert.is_open IS 'Whether the channel was last told that this is wrong.';
COMMENT ON COLUMN orchestration.sync_alert.since IS 'When it was first found, this time.';
COMMENT ON COLUMN orchestration.sync_alert.last_alarm_at IS 'When the channel was last told that it is wrong; a cool-down counts from here.';

CREATE INDEX sync_history_newest ON orchestration.sync_history (crm_source, sync_type, id DESC);
