CREATE USER slowlake IDENTIFIED BY 'demo-not-secret';
GRANT BINLOG MONITOR, SLAVE MONITOR, SHOW VIEW ON *.* TO slowlake;
GRANT SELECT ON performance_schema.* TO slowlake;
GRANT SELECT ON mysql.innodb_index_stats TO slowlake;
