-- For the database without an encoding: bytes go to the log as they come. The placeholder is replaced by two bytes that are not UTF-8.
SELECT 'caf@BYTES@' AS latin, 'plain' AS ascii;
SELECT 1 WHERE 'na@BYTES@ve' = 'x';
