# Statements prepared on the server over the binary protocol, as most drivers do. Usage: prepared.pl SOCKET USER DATABASE
use strict;
use warnings;
use utf8;
use DBI;

my ($socket, $user, $database) = @ARGV;
my $db = DBI->connect("DBI:MariaDB:database=$database;mariadb_socket=$socket", $user, undef,
    { RaiseError => 1, mariadb_server_prepare => 1 });
my $find = $db->prepare("SELECT id, state FROM orders WHERE customer_id = ? AND state <> ?\n\tORDER BY id LIMIT 3");
my $add = $db->prepare("INSERT INTO orders (customer_id, note) VALUES (?, ?)");
for my $turn (1 .. 60) {
    $find->execute($turn * 7, $turn % 2 ? "open" : "it's \"paid\"\nor not");
    $find->fetchall_arrayref;
    $add->execute($turn, $turn % 3 ? "Grüße; # no comment" : undef);
    $db->ping if $turn % 20 == 0;
}
$find->finish;
$db->disconnect;
