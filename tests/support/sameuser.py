"""What a program of the same user can learn of a process: sameuser.py PID

Prints a line for each try: its name, and "done" or the error's name.
"""
import ctypes
import errno
import os
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE = 16, 17, 0x4206
PROCESS_VM_READV, KCMP, PRLIMIT64, PIDFD_OPEN, PIDFD_GETFD = 310, 312, 302, 434, 438
RLIMIT_CORE = 4


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def call(number, *args):
    r = LIBC.syscall(ctypes.c_long(number), *[ctypes.c_void_p(a) if isinstance(a, int) else a for a in args])
    if r < 0:
        raise OSError(ctypes.get_errno(), "")
    return r


def ptrace(request, pid):
    if LIBC.ptrace(ctypes.c_long(request), pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "")


def attach(pid):
    ptrace(PTRACE_ATTACH, pid)
    os.waitpid(pid, 0)
    ptrace(PTRACE_DETACH, pid)


def stack_of(pid):
    """Where something of it lies: of an ordinary process it can be found out."""
    with open("/proc/%d/maps" % pid) as maps:
        return [int(line.split("-")[0], 16) for line in maps if "[stack]" in line][0]


def read_memory(pid):
    room = ctypes.create_string_buffer(8)
    try:
        address = stack_of(pid)
    except OSError:
        address = 0x400000
    mine, theirs = Iovec(ctypes.addressof(room), 8), Iovec(address, 8)
    call(PROCESS_VM_READV, pid, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)


def take_descriptor(pid):
    fd = call(PIDFD_OPEN, pid, 0)
    os.close(call(PIDFD_GETFD, fd, 0, 0))


def let_dump(pid):
    call(PRLIMIT64, pid, RLIMIT_CORE, (ctypes.c_uint64 * 2)(4096, 4096), None)


def read_file(name):
    def read(pid):
        with open("/proc/%d/%s" % (pid, name), "rb") as f:
            f.read(1)

    return read


def list_folder(name):
    return lambda pid: os.listdir("/proc/%d/%s" % (pid, name))


def write_file(name):
    return lambda pid: os.close(os.open("/proc/%d/%s" % (pid, name), os.O_WRONLY))


TRIES = [
    ("attach", attach),
    ("read-memory", read_memory),
    ("kcmp", lambda pid: call(KCMP, pid, pid, 0, 0, 0)),
    ("take-descriptor", take_descriptor),
    ("let-dump", let_dump),
    ("dump-filter", write_file("coredump_filter")),
    ("write-memory", write_file("mem")),
    ("executable", lambda pid: os.readlink("/proc/%d/exe" % pid)),
    ("folder", lambda pid: os.readlink("/proc/%d/cwd" % pid)),
] + [
    (name, read_file(name))
    for name in ("maps", "smaps", "smaps_rollup", "numa_maps", "environ", "auxv", "pagemap", "syscall", "io", "personality")
] + [(name, list_folder(name)) for name in ("fd", "fdinfo", "map_files")]


def main(pid):
    for name, what in TRIES:
        try:
            what(pid)
            print(name, "done")
        except OSError as e:
            print(name, errno.errorcode.get(e.errno, e.errno))


main(int(sys.argv[1]))
