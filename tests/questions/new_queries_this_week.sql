-- Which queries did nobody see before this week?
SELECT fingerprint, first_seen, calls
FROM queries
WHERE first_seen >= TIMESTAMP '2026-11-11 00:00:00'
ORDER BY first_seen, fingerprint
