-- The user of pssp and its schema. Run it in the database that pssp is to use, as its owner or an administrator, with a
-- password in place of SERVICE_PASSWORD. The user may make tables in its schema and read and write them, and nothing
-- else. The second line is for administrators of managed servers, who may not give a schema to a role that they are no
-- member of.
CREATE ROLE pssp LOGIN PASSWORD 'SERVICE_PASSWORD';
GRANT pssp TO CURRENT_USER;
CREATE SCHEMA pssp AUTHORIZATION pssp;
