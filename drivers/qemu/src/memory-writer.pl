#!/usr/bin/perl
# Writes what QEMU sends of a guest's memory to a new file:
#
#   memory-writer.pl SOCKET FILE
#
# listens on the Unix socket, says "listening" and waits for QEMU; when QEMU has said its last it says
# "whole BYTES", or "failed REASON", and ends. When standard input ends before QEMU came, nobody will, and it ends.
#
# A process of its own, which outlives the daemon and reads on whatever happens: a QEMU that writes memory in the
# background (7.2) and loses its reader stands still for ever. It has protected the guest's memory by then; a thread
# that touches it waits for the page to be saved, maybe while it holds QEMU's big lock, which the saving thread needs
# in order to fail. So what cannot be written any more is read and thrown away.
#
# Perl, because perl-base is on every Debian and Ubuntu and takes 5 ms to start.
use strict;
use warnings;
use Errno qw(EINTR);
use Fcntl qw(O_WRONLY O_CREAT O_EXCL);
use IO::Handle;
use Socket;

use constant CHUNK => 1024 * 1024;

my ($socket_path, $file_path) = @ARGV;
die "usage: $0 SOCKET FILE\n" unless defined $file_path && @ARGV == 2;
$SIG{PIPE} = 'IGNORE';
$SIG{$_} = 'IGNORE' for qw(HUP INT TERM);
umask 0177;
STDOUT->autoflush(1);

unlink $socket_path, $file_path;
sysopen(my $file, $file_path, O_WRONLY | O_CREAT | O_EXCL, 0600) or die "$file_path: $!\n";
socket(my $listener, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!\n";
bind($listener, sockaddr_un($socket_path)) or die "$socket_path: $!\n";
listen($listener, 1) or die "$socket_path: $!\n";
print "listening\n";

my $watched = '';
vec($watched, fileno($_), 1) = 1 for $listener, \*STDIN;
my $ready;
while (select($ready = $watched, undef, undef, undef) < 0) { die "select: $!\n" unless $!{EINTR} }
# Afterwards nobody else can come; whoever has come by now is let in.
unlink $socket_path;
unless (vec($ready, fileno($listener), 1)) {
    my $only = '';
    vec($only, fileno($listener), 1) = 1;
    exit 0 unless select($only, undef, undef, 0) > 0;
}
accept(my $qemu, $listener) or die "accept: $!\n";
close $listener;

my ($bytes, $failure, $chunk) = (0, undef, '');
while (1) {
    my $count = sysread($qemu, $chunk, CHUNK);
    if (!defined $count) {
        next if $!{EINTR};
        $failure //= "reading: $!";
        last;
    }
    last if $count == 0;
    $bytes += $count;
    my $offset = 0;
    while ($offset < $count && !defined $failure) {
        my $written = syswrite($file, $chunk, $count - $offset, $offset);
        if (defined $written) { $offset += $written }
        elsif (!$!{EINTR}) {
            $failure = "writing: $!";
            # The record that this has failed needs room, too.
            truncate $file, 0;
        }
    }
}
$file->sync or $failure //= "writing: $!";
close($file) or $failure //= "writing: $!";
print defined $failure ? "failed $failure\n" : "whole $bytes\n";
