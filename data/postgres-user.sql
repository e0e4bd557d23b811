-- The user of pssp and its schema. Run it as an administrator in the database that pssp is to use, with a password in
-- place of SERVICE_PASSWORD. The user may make tables in its schema and read and write them, and nothing else.
CREATE ROLE pssp LOGIN PASSWORD 'SERVICE_PASSWORD';
CREATE SCHEMA pssp AUTHORIZATION pssp;
