#!/usr/bin/perl
# Starts one program as a launch plan says (launch-plan.ts), outlives the daemon, and records how the program ended:
#
#   supervisor.pl PLAN
#   supervisor.pl - PADDING
#
# The second form is told on standard input, when the time has come, the plan's path and that of the file for both
# outputs, each ended by NUL, and is the first form from then on; its name becomes the plan's path, for which the padding
# makes room. Where the input ends before, it ends too.
#
# The plan is deleted before anything is done, so that it is carried out once at most. Where standard output is a
# pipe or socket, the program's process id is written to it. SIGTERM is passed on to the program; SIGKILL ends this process
# alone, and the program goes on without it.
#
# In its third form it makes a program's view, changes the user, and becomes the program: nobody waits for its end
# (account-plan.ts). In its fourth, it lends files to a program that has such a view.
#
#   supervisor.pl --become WORD…
#   supervisor.pl --lend-to PID {SOURCE PATH}…
#
# Perl, because Node cannot make a mount namespace, and would take 40 MB for each VM; perl-base is on every Debian
# and Ubuntu. Nothing but that package is used.
#
# Every VM's start waits for it, so that few modules are loaded: neither warnings nor constant nor Errno.
use strict;
BEGIN { $^W = 1 }

# errno.h
my ($interrupted, $exists, $invalid) = (4, 17, 22);

# asm/unistd.h; asm/fcntl.h
my %numbers = (
    x86_64 => {
        mount => 165, umount2 => 166, pivot_root => 155, unshare => 272, mknodat => 259, seccomp => 317,
        setgroups => 116, setresuid => 117, setresgid => 119, capset => 126, prctl => 157, prlimit64 => 302,
        setns => 308, open_tree => 428, move_mount => 429, O_NOFOLLOW => 0400000,
    },
    aarch64 => {
        mount => 40, umount2 => 39, pivot_root => 41, unshare => 97, mknodat => 33,
        setgroups => 159, setresuid => 147, setresgid => 149, capset => 91, prctl => 167, prlimit64 => 261,
        setns => 268, open_tree => 428, move_mount => 429, O_NOFOLLOW => 0100000,
    },
);
# linux/mount.h, linux/sched.h, linux/fcntl.h, linux/stat.h
sub RDONLY () { 1 }
sub NOSUID () { 2 }
sub NODEV () { 4 }
sub NOEXEC () { 8 }
sub REMOUNT () { 0x20 }
sub BIND () { 0x1000 }
sub REC () { 0x4000 }
sub PRIVATE () { 0x40000 }
sub SLAVE () { 0x80000 }
sub CLONE_NEWNS () { 0x20000 }
sub DETACH () { 2 }
sub AT_FDCWD () { -100 }
sub CHARACTER_DEVICE () { 0020000 }
# linux/prctl.h, linux/capability.h, asm/resource.h
sub KEEPCAPS () { 8 }
sub CAPBSET_DROP () { 24 }
sub NO_NEW_PRIVS () { 38 }
sub CAP_AMBIENT () { 47 }
sub AMBIENT_RAISE () { 2 }
sub AMBIENT_CLEAR_ALL () { 4 }
sub CAPABILITY_VERSION_3 () { 0x20080522 }
sub MOST_CAPABILITIES () { 64 }
sub MEMLOCK () { 8 }

sub fail { die "nakhoda supervisor: @_\n" }

# As uname(2) calls it. To load what tells it takes 2 ms, so whoever knows it says it.
my $machine;
sub number {
    $machine //= (eval('use Config; $Config{archname}') =~ /^([^-]+)/)[0];
    return ($numbers{$machine} or fail("unknown machine $machine"))->{$_[0]};
}

# Whether the call succeeded; `$!` has the reason where not.
sub call_kernel {
    my ($call, @arguments) = @_;
    return syscall(number($call), @arguments) >= 0;
}

sub kernel {
    my ($call, $what, @arguments) = @_;
    my $number = number($call);
    my $result = syscall($number, @arguments);
    $result >= 0 or fail("$call $what: $!");
    return $result;
}

sub mount {
    my ($source, $target, $type, $flags, $options) = @_;
    kernel('mount', $target, "$source", "$target", "$type", $flags + 0, "$options");
}

sub make_folders {
    my $path = '';
    for my $part (grep { length } split m{/}, $_[0]) {
        $path .= "/$part";
        mkdir $path, 0755 or $! == $exists or fail("$path: $!");
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
    my ($propagation) = @_;
    kernel('unshare', 'mount namespace', CLONE_NEWNS);
    mount('none', '/', '', REC | $propagation, '');
    mount('tmpfs', '/tmp', 'tmpfs', NOSUID | NOEXEC, 'mode=755,size=1m');
    chdir '/tmp' or fail("/tmp: $!");
    mkdir 'host', 0700 or fail("host: $!");
    kernel('pivot_root', '/tmp', my $new = '.', my $old = 'host');
    chdir '/' or fail("/: $!");
}

sub show {
    my ($source, $path, $flags, $depth) = @_;
    make_place($path, -d "/host$source");
    mount("/host$source", $path, '', BIND | ($depth // 0), '');
    mount('none', $path, '', REMOUNT | BIND | NOSUID | NODEV | $flags, '');
}

# Of processes, those of the program's own user alone.
sub show_processes {
    my ($path) = @_;
    make_folders($path);
    mount('proc', $path, 'proc', NOSUID | NODEV | NOEXEC, 'hidepid=2');
}

# A folder in memory, that all users may use.
sub show_temporary {
    my ($path) = @_;
    make_folders($path);
    mount('tmpfs', $path, 'tmpfs', NOSUID | NODEV | NOEXEC, 'mode=1777,size=64m');
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

# A seccomp filter for a program that keeps CAP_SYS_PTRACE, which it needs for userfaultfd alone: it denies every call
# by which that capability, or a namespace of its own, would give power over other processes. Without /proc there is no
# other way. linux/seccomp.h, linux/bpf_common.h, asm/unistd_64.h; x86-64 only, other calling conventions end the program.
sub guard {
    number('seccomp') or fail('guard: unknown machine');
    my ($load, $if_equal, $if_at_least, $if_any_bit, $return) = (0x20, 0x15, 0x35, 0x45, 0x06);
    my ($kill, $not_permitted, $no_such_call, $allow) = (0x80000000, 0x00050001, 0x00050026, 0x7fff0000);
    my @denied = (
        101, 310, 311, 312, 274, # ptrace, process_vm_readv, process_vm_writev, kcmp, get_robust_list
        434, 438, 424, 440, 448, # pidfd_open, pidfd_getfd, pidfd_send_signal, process_madvise, process_mrelease
        256, 279, 298, 321,      # migrate_pages, move_pages, perf_event_open, bpf
        272, 308, 155, 161, 304, # unshare, setns, pivot_root, chroot, open_by_handle_at
        165, 166, 428 .. 433, 442, # mount and its kin
    );
    my @program = (
        [$load, 0, 0, 4], [$if_equal, 1, 0, 0xc000003e], [$return, 0, 0, $kill],
        [$load, 0, 0, 0], [$if_at_least, 0, 1, 0x40000000], [$return, 0, 0, $kill],
        (map { [$if_equal, 0, 1, $_], [$return, 0, 0, $not_permitted] } @denied),
        # clone3, whose flags cannot be looked at: the C library then takes clone.
        [$if_equal, 0, 1, 435], [$return, 0, 0, $no_such_call],
        # clone with a new namespace of whatever kind.
        [$if_equal, 0, 3, 56], [$load, 0, 0, 16], [$if_any_bit, 0, 1, 0x7e020000], [$return, 0, 0, $not_permitted],
        [$return, 0, 0, $allow],
    );
    my $filter = join '', map { pack 'SCCL', @$_ } @program;
    my $descriptor = pack 'S x6 P', scalar @program, $filter;
    kernel('seccomp', 'filter', 1, 0, $descriptor);
}

sub limit_locked_memory {
    my $limit = pack 'Q2', ($_[0] + 0) x 2;
    kernel('prlimit64', 'memlock', 0, MEMLOCK, $limit, 0);
}

# From here on there is another user and group, no further groups but those named (commas between), no capability but the one
# that is kept (-1: none), and no way back to any: an empty bounding set, and no new privileges. What setpriv(1) does, without
# starting a program for it. As `hardened` the program is begun as a set-uid one of root's would be, without a capability:
# VirtualBox's looks for that, and becomes the user before anything of the VM's is read.
sub become {
    my ($uid, $gid, $groups, $kept, $hardened) = @_;
    ($uid, $gid, $kept) = ($uid + 0, $gid + 0, $kept + 0);
    my @groups = split /,/, $groups;
    kernel('prctl', 'ambient set', CAP_AMBIENT, AMBIENT_CLEAR_ALL, 0, 0, 0);
    for my $capability (grep { $_ != $kept } 0 .. MOST_CAPABILITIES - 1) {
        next if call_kernel('prctl', CAPBSET_DROP, $capability, 0, 0, 0);
        # The kernel knows no more of them.
        last if $! == $invalid && $capability > 0;
        fail("bounding set, $capability: $!");
    }
    kernel('setgroups', 'groups', scalar @groups, my $list = pack('L*', @groups));
    kernel('prctl', 'keep capabilities', KEEPCAPS, 1, 0, 0, 0) if $kept >= 0;
    kernel('setresgid', "group $gid", ($gid) x 3);
    kernel('setresuid', "user $uid", $uid, ($hardened ? 0 : $uid) x 2);
    my $header = pack 'L2', CAPABILITY_VERSION_3, 0;
    # Effective, permitted, inheritable; each in two halves.
    my $sets = pack 'L6', ($kept >= 0 ? 1 << $kept : 0) x 3, (0) x 3;
    kernel('capset', 'capabilities', $header, $sets);
    kernel('prctl', 'ambient set', CAP_AMBIENT, AMBIENT_RAISE, $kept, 0, 0) if $kept >= 0;
    kernel('prctl', 'no new privileges', NO_NEW_PRIVS, 1, 0, 0, 0);
}

# Lends further files and folders to a program that has a view already: ways into them are opened here, and hung up there.
sub lend_to {
    my ($pid, @pairs) = @_;
    umask 0022;
    my @ways;
    while (my ($source, $path) = splice @pairs, 0, 2) {
        # linux/mount.h: OPEN_TREE_CLONE, AT_RECURSIVE, OPEN_TREE_CLOEXEC
        push @ways, [kernel('open_tree', $source, AT_FDCWD, "$source", 1 | 0x8000 | 02000000), $path, -d $source];
    }
    open my $namespace, '<', "/proc/$pid/ns/mnt" or fail("process $pid: $!");
    kernel('setns', "process $pid", fileno $namespace, CLONE_NEWNS);
    mount('none', '/', '', REMOUNT | BIND | NOSUID | NOEXEC, '');
    for (@ways) {
        my ($way, $path, $is_folder) = @$_;
        make_place($path, $is_folder);
        # MOVE_MOUNT_F_EMPTY_PATH
        kernel('move_mount', $path, $way, my $from = '', AT_FDCWD, "$path", 4);
        mount('none', $path, '', REMOUNT | BIND | NOSUID | NODEV, '');
    }
    mount('none', '/', '', REMOUNT | BIND | RDONLY | NOSUID | NOEXEC, '');
}

sub join_cgroup {
    open my $file, '>', "$_[0]/cgroup.procs" or fail("$_[0]: $!");
    (syswrite $file, "$$\n") or fail("$_[0]: $!");
}

sub carry_out {
    my @plan = @_;
    # Sockets and files that the program makes are for its user alone.
    my $mask = 0177;
    umask 0022;
    while (defined(my $word = shift @plan)) {
        if ($word eq 'cgroup') { join_cgroup(shift @plan) }
        elsif ($word eq 'view') { open_view(PRIVATE) }
        # What is mounted on the host later, below what is shown deep, is seen as well.
        elsif ($word eq 'following-view') { open_view(SLAVE) }
        elsif ($word eq 'show-deep') { show(splice(@plan, 0, 2), RDONLY, REC) }
        elsif ($word eq 'lend-deep') { show(splice(@plan, 0, 2), 0, REC) }
        elsif ($word eq 'processes') { show_processes(shift @plan) }
        elsif ($word eq 'temporary') { show_temporary(shift @plan) }
        elsif ($word eq 'become') { become(splice @plan, 0, 5) }
        elsif ($word eq 'show') { show(splice(@plan, 0, 2), RDONLY) }
        elsif ($word eq 'lend') { show(splice(@plan, 0, 2), 0) }
        elsif ($word eq 'link') { my ($target, $path) = splice @plan, 0, 2; symlink $target, $path or fail("$path: $!") }
        elsif ($word eq 'device') { make_device(splice @plan, 0, 3) }
        elsif ($word eq 'close') { close_view() }
        elsif ($word eq 'guard') { guard() }
        elsif ($word eq 'machine') { $machine = shift @plan }
        # For programs that make folders, too.
        elsif ($word eq 'folders') { $mask = 0077 }
        elsif ($word eq 'lock') { limit_locked_memory(shift @plan) }
        elsif ($word eq 'run') {
            umask $mask;
            { local $^W = 0; exec { $plan[0] } @plan }
            fail("$plan[0]: $!");
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

# Waits to be told what to do, and gives the plan's path.
sub stand_by {
    # What loads something is done before the time has come.
    number('mount');
    local $/ = "\0";
    my ($plan, $log) = map { my $path = <STDIN>; exit 0 unless defined $path && chomp $path; $path } 1 .. 2;
    # Before the plan is touched: by this name a later daemon finds who may be about to start the program.
    $0 = $plan;
    open STDIN, '<', '/dev/null' or fail("/dev/null: $!");
    # Never through a link, for the program's user may make files beside it: asm/fcntl.h, O_WRONLY, O_CREAT, O_APPEND.
    sysopen my $file, $log, 01 | 0100 | 02000 | number('O_NOFOLLOW'), 0600 or fail("$log: $!");
    open STDERR, '>&', $file or fail("$log: $!");
    return $plan;
}

chdir '/' or fail("/: $!");
if (@ARGV > 1 && $ARGV[0] ne '-') {
    my $order = shift;
    # The program itself, without anybody who waits for its end.
    if ($order eq '--become') { carry_out(@ARGV) }
    elsif ($order eq '--lend-to') { lend_to(@ARGV); exit }
}
@ARGV == 1 || @ARGV == 2 && $ARGV[0] eq '-' or fail("usage: $0 PLAN | $0 - PADDING | $0 --become WORD... | $0 --lend-to PID {SOURCE PATH}...");
umask 0077;
my ($exit_path, @plan) = read_plan($ARGV[0] eq '-' ? stand_by() : $ARGV[0]);
$SIG{HUP} = $SIG{INT} = 'IGNORE';
my $child = fork // fail("fork: $!");
if ($child == 0) {
    $SIG{HUP} = $SIG{INT} = 'DEFAULT';
    # Otherwise the reader of the pipe would wait for the program's end.
    open STDOUT, '>&', \*STDERR or fail("output: $!");
    carry_out(@plan);
}
# Not before the fork: a signal that the child gets at once must end it.
$SIG{TERM} = sub { kill 'TERM', $child };
syswrite STDOUT, "$child\n" if -p STDOUT || -S STDOUT;
open STDOUT, '>&', \*STDERR;
1 until waitpid($child, 0) == $child or $! != $interrupted;
record($exit_path, $child, $?);
