#!/usr/bin/perl
# Carries Ethernet frames between a TAP and a VM's UDP tunnel until the TAP is deleted:
#
#   udp-tap-relay.pl TAP PEERPORT LOCALPORT
#
# binds 127.0.0.1:PEERPORT and is connected to 127.0.0.1:LOCALPORT, so that the kernel itself drops every
# datagram of anybody else. The TAP exists already and stays when this process ends.
#
# Perl, because Node cannot open a TAP, and perl-base is on every Debian and Ubuntu. socat cannot do it: its
# connected UDP4 ends when the VM is off (ECONNREFUSED), and its UDP4-DATAGRAM takes datagrams of every local
# port; with the option for that, `sourceport`, it refused all datagrams, the peer's too (tried with 1.7.4.4).
use strict;
use warnings;
use Errno qw(EAGAIN EINTR ECONNREFUSED ENOBUFS EINVAL EIO EMSGSIZE);
use Fcntl qw(O_RDWR O_NONBLOCK F_SETFL);
use Socket;

# linux/if_tun.h
use constant { TUNSETIFF => 0x400454ca, TUNSETOFFLOAD => 0x400454d0, IFF_TAP => 0x0002, IFF_NO_PI => 0x1000 };
use constant MAX_FRAME => 65536;
# Frames moved in one direction before the other gets its turn.
use constant BURST => 64;

my ($name, $peer_port, $local_port) = @ARGV;
die "usage: $0 TAP PEERPORT LOCALPORT\n" unless defined $local_port && @ARGV == 3;

sysopen(my $tap, '/dev/net/tun', O_RDWR | O_NONBLOCK) or die "/dev/net/tun: $!\n";
ioctl($tap, TUNSETIFF, pack('Z16 S x22', $name, IFF_TAP | IFF_NO_PI)) or die "TAP $name: $!\n";
# The other end takes whole frames only, so the kernel must cut large segments and fill in checksums itself.
ioctl($tap, TUNSETOFFLOAD, 0) or die "TAP $name: offloads: $!\n";

socket(my $udp, PF_INET, SOCK_DGRAM, 0) or die "UDP: $!\n";
bind($udp, sockaddr_in($peer_port, INADDR_LOOPBACK)) or die "UDP port $peer_port: $!\n";
connect($udp, sockaddr_in($local_port, INADDR_LOOPBACK)) or die "UDP port $local_port: $!\n";
fcntl($udp, F_SETFL, O_NONBLOCK) or die "UDP: $!\n";

if ($> == 0 and my ($uid, $gid) = (getpwnam('nobody'))[2, 3]) {
    $( = $gid;
    $) = "$gid $gid";
    ($<, $>) = ($uid, $uid);
}

# A frame that cannot be delivered is lost, as on a wire: VM off, its queue full, TAP switched off, bad frame.
sub lost { return $!{EAGAIN} || $!{EINTR} || $!{ECONNREFUSED} || $!{ENOBUFS} || $!{EINVAL} || $!{EIO} || $!{EMSGSIZE} }

my $watched = '';
vec($watched, fileno($_), 1) = 1 for $tap, $udp;
my $frame;
while (1) {
    my $readable = $watched;
    if (select($readable, undef, undef, undef) < 0) {
        next if $!{EINTR};
        die "select: $!\n";
    }
    if (vec($readable, fileno($tap), 1)) {
        for (1 .. BURST) {
            my $bytes = sysread($tap, $frame, MAX_FRAME);
            last if !defined $bytes && lost();
            # EBADFD: the TAP was deleted.
            die "TAP $name: $!\n" unless $bytes;
            # The first answer after a refused datagram is that refusal; the second attempt is the real one.
            defined send($udp, $frame, 0) or defined send($udp, $frame, 0) or lost() or die "UDP: $!\n";
        }
    }
    if (vec($readable, fileno($udp), 1)) {
        for (1 .. BURST) {
            last unless defined recv($udp, $frame, MAX_FRAME, 0);
            next if length($frame) < 14;
            defined syswrite($tap, $frame) or lost() or die "TAP $name: $!\n";
        }
    }
}
