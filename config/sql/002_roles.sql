-- Least rights: what the detector writes, and what is only read. A login without the right to make roles
-- (a shared server's) goes on as itself.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cstr_writer') THEN
        CREATE ROLE cstr_writer NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cstr_reader') THEN
        CREATE ROLE cstr_reader NOLOGIN;
    END IF;
    GRANT USAGE ON SCHEMA cstr TO cstr_writer, cstr_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA cstr TO cstr_writer, cstr_reader;
    GRANT INSERT, UPDATE ON cstr.summary, cstr.anomaly TO cstr_writer;
    EXECUTE format('GRANT cstr_writer, cstr_reader TO %I', current_user);
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'this login may not make roles; it goes on as itself';
END
$$;
