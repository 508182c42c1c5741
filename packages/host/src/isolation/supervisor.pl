#!/usr/bin/perl
# Starts one program as a launch plan says (launch-plan.ts), outlives the daemon, and records how the program ended:
#
#   supervisor.pl PLAN
#
# The plan is deleted before anything is done, so that it is carried out once at most. Where standard output is a
# pipe or socket, the program's process id is written to it. SIGTERM is passed on to the program; SIGKILL ends this process
# alone, and the program goes on without it.
#
# Perl, because Node cannot make a mount namespace, and would take 40 MB for each VM; perl-base is on every Debian
# and Ubuntu. Nothing but that package is used.
use strict;
use warnings;
use Config;
use Errno qw(EINTR);

# asm/unistd.h
my %numbers = (
    x86_64  => { mount => 165, umount2 => 166, pivot_root => 155, unshare => 272, mknodat => 259 },
    aarch64 => { mount => 40, umount2 => 39, pivot_root => 41, unshare => 97, mknodat => 33 },
);
# linux/mount.h, linux/sched.h, linux/fcntl.h, linux/stat.h
use constant { RDONLY => 1, NOSUID => 2, NODEV => 4, NOEXEC => 8, REMOUNT => 0x20, BIND => 0x1000, REC => 0x4000, PRIVATE => 0x40000 };
use constant { CLONE_NEWNS => 0x20000, DETACH => 2, AT_FDCWD => -100, CHARACTER_DEVICE => 0020000 };

sub fail { die "nakhoda supervisor: @_\n" }

sub kernel {
    my ($call, $what, @arguments) = @_;
    my ($machine) = $Config{archname} =~ /^([^-]+)/;
    my $number = ($numbers{$machine} or fail("unknown machine $machine"))->{$call};
    syscall($number, @arguments) >= 0 or fail("$call $what: $!");
}

sub mount {
    my ($source, $target, $type, $flags, $options) = @_;
    kernel('mount', $target, "$source", "$target", "$type", $flags + 0, "$options");
}

sub make_folders {
    my $path = '';
    for my $part (grep { length } split m{/}, $_[0]) {
        $path .= "/$part";
        mkdir $path, 0755 or $!{EEXIST} or fail("$path: $!");
    }
}

sub make_place {
    my ($path, $is_folder) = @_;
    return if -e $path;
    return make_folders($path) if $is_folder;
    make_folders($path =~ s{/[^/]*$}{}r);
    open my $file, '>', $path or fail("$path: $!");
}

# The root becomes an empty file system in memory, and what was the root is at /host until close_view.
sub open_view {
    kernel('unshare', 'mount namespace', CLONE_NEWNS);
    mount('none', '/', '', REC | PRIVATE, '');
    mount('tmpfs', '/tmp', 'tmpfs', NOSUID | NOEXEC, 'mode=755,size=1m');
    chdir '/tmp' or fail("/tmp: $!");
    mkdir 'host', 0700 or fail("host: $!");
    kernel('pivot_root', '/tmp', my $new = '.', my $old = 'host');
    chdir '/' or fail("/: $!");
}

sub show {
    my ($source, $path, $flags) = @_;
    make_place($path, -d "/host$source");
    mount("/host$source", $path, '', BIND, '');
    mount('none', $path, '', REMOUNT | BIND | NOSUID | NODEV | $flags, '');
}

# A node of its own, so that neither group nor mode of the host's has to let the program in.
sub make_device {
    my ($path, $uid, $gid) = @_;
    my $number = (stat "/host$path")[6];
    defined $number or fail("$path: $!");
    make_folders($path =~ s{/[^/]*$}{}r);
    kernel('mknodat', $path, AT_FDCWD, "$path", CHARACTER_DEVICE | 0600, $number + 0);
    chown $uid, $gid, $path or fail("$path: $!");
}

sub close_view {
    kernel('umount2', '/host', my $path = '/host', DETACH);
    rmdir '/host' or fail("/host: $!");
    mount('none', '/', '', REMOUNT | BIND | RDONLY | NOSUID | NOEXEC, '');
}

sub join_cgroup {
    open my $file, '>', "$_[0]/cgroup.procs" or fail("$_[0]: $!");
    (syswrite $file, "$$\n") or fail("$_[0]: $!");
}

sub carry_out {
    my @plan = @_;
    umask 0022;
    while (defined(my $word = shift @plan)) {
        if ($word eq 'cgroup') { join_cgroup(shift @plan) }
        elsif ($word eq 'view') { open_view() }
        elsif ($word eq 'show') { show(splice(@plan, 0, 2), RDONLY) }
        elsif ($word eq 'lend') { show(splice(@plan, 0, 2), 0) }
        elsif ($word eq 'link') { my ($target, $path) = splice @plan, 0, 2; symlink $target, $path or fail("$path: $!") }
        elsif ($word eq 'device') { make_device(splice @plan, 0, 3) }
        elsif ($word eq 'close') { close_view() }
        elsif ($word eq 'run') {
            # Sockets and files that the program makes are for its user alone.
            umask 0177;
            no warnings 'exec';
            exec { $plan[0] } @plan or fail("$plan[0]: $!");
        }
        else { fail("unknown word $word") }
    }
    fail('the plan runs nothing');
}

sub read_plan {
    my ($path) = @_;
    open my $file, '<', $path or fail("$path: $!");
    unlink $path or fail("$path: $!");
    local $/;
    my @plan = split /\0/, <$file>, -1;
    # What follows the last NUL is empty, or the plan was cut short.
    pop @plan eq '' && @plan && shift @plan eq 'nakhoda-launch-1' or fail("$path is no whole launch plan");
    return @plan;
}

sub record {
    my ($path, $pid, $status) = @_;
    my ($code, $signal) = $status & 127 ? ('null', $status & 127) : ($status >> 8, 'null');
    open my $file, '>', "$path.new" or return;
    print $file qq({"pid":$pid,"exitCode":$code,"signal":$signal,"at":${\ time}}\n);
    close $file and rename "$path.new", $path;
}

@ARGV == 1 or fail("usage: $0 PLAN");
chdir '/' or fail("/: $!");
umask 0077;
my ($exit_path, @plan) = read_plan($ARGV[0]);
my $child;
$SIG{HUP} = $SIG{INT} = 'IGNORE';
$SIG{TERM} = sub { kill 'TERM', $child if $child };
$child = fork // fail("fork: $!");
if ($child == 0) {
    $SIG{$_} = 'DEFAULT' for qw(HUP INT TERM);
    # Otherwise the reader of the pipe would wait for the program's end.
    open STDOUT, '>&', \*STDERR or fail("output: $!");
    carry_out(@plan);
}
syswrite STDOUT, "$child\n" if -p STDOUT || -S STDOUT;
open STDOUT, '>&', \*STDERR;
1 until waitpid($child, 0) == $child or !$!{EINTR};
record($exit_path, $child, $?);
