-- One row is one finding: what a job claims of the lake, and what people said of it.
--
-- id: what it is about, 16 hexadecimal digits; the same whenever the job is run again
-- job: the job that claims it: regressions, …
-- kind: what is claimed: slower, faster, new_query, vanished_query, …
-- server: name of the database server; NULL if it is about several
-- fingerprint: hash of the query's normalized text; NULL if it is not about a query
-- subject: what it is about, in words
-- from_ts: when what is claimed began, UTC
-- to_ts: when it ended, UTC; NULL if it has not
-- as_of: the job knew the hours before this, UTC
-- claim: the claim, in words
-- effect: how large it is: 0.2 is 20 % more
-- confidence: how sure it is, from 0 to 1
-- evidence: what speaks for it, JSON
-- state: open, acknowledged, muted or resolved
-- changed_by: who said so; NULL if no person did
-- note: what they said
-- muted_until: until when it is muted, UTC
-- revision: how often it changed
SELECT
    id, job, kind, server, fingerprint, subject, from_ts, to_ts, as_of, claim,
    effect_ppm / 1e6 AS effect, confidence_ppm / 1e6 AS confidence, evidence,
    state, changed_by, note, muted_until, revision
FROM (
    SELECT *, row_number() OVER (PARTITION BY id ORDER BY revision DESC) AS age FROM stored_findings
) AS revisions
WHERE age = 1
