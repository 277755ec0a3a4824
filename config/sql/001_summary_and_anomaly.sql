-- Summaries of what was taken for normal, and anomalies (docs: commands.md, "PostgreSQL").

CREATE TABLE cstr.summary (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source        text NOT NULL CHECK (source IN ('batch', 'stream')),
    reactor       text NOT NULL,
    window_start  timestamptz NOT NULL,
    window_end    timestamptz NOT NULL,
    n             integer NOT NULL CHECK (n >= 0),
    mean_t        double precision,
    sd_t          double precision,
    min_t         double precision,
    max_t         double precision,
    ks_p_t        double precision,
    mean_ca0      double precision,
    sd_ca0        double precision,
    min_ca0       double precision,
    max_ca0       double precision,
    ks_p_ca0      double precision,
    min_q         double precision,
    max_q         double precision,
    anomalies     integer NOT NULL CHECK (anomalies >= 0),
    CHECK (window_end >= window_start),
    UNIQUE (source, reactor, window_start)
);

CREATE TABLE cstr.anomaly (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reactor          text NOT NULL,
    started_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    peak_score       double precision NOT NULL,
    method           text NOT NULL,
    cause            text NOT NULL,
    details          jsonb NOT NULL DEFAULT '{}',
    acknowledged_by  text,
    acknowledged_at  timestamptz,
    CHECK (ended_at >= started_at),
    UNIQUE (reactor, started_at, method)
);

CREATE INDEX anomaly_started_at ON cstr.anomaly (started_at DESC);
CREATE INDEX summary_window_start ON cstr.summary (window_start DESC);
