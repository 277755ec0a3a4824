-- At the first start of PostgreSQL: a login for those that only read, Grafana and the historian's HTTP. What the
-- role may read is granted by config/sql.
\set password `cat /run/secrets/postgres_reader`
CREATE ROLE cstr_reader NOLOGIN;
CREATE ROLE reader LOGIN PASSWORD :'password' IN ROLE cstr_reader;
