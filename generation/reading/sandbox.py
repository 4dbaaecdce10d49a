"""Take rights away from this process before it touches a stranger's file. Linux, stdlib, no root.

Layers, each reported when the kernel grants it:

limits      memory, processor seconds, size of written files, open files, no core dump
landlock    reads only libraries, this package and the one file; writes only one folder
seccomp     no sockets, no new programs, no tracing, no mounts, no io_uring
namespace   a network and a user name space of its own

A container may forbid the last three; docs/operations.md says what that means.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000

# linux/landlock.h: system calls 444-446 on every architecture; access rights are bits.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE

# linux/seccomp.h and the numbers of the denied calls.
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # refuse: EPERM
_DENIED = {
    "x86_64": (
        0xC000003E,
        317,
        {
            "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "socketpair": 53,
            "execve": 59, "ptrace": 101, "pivot_root": 155, "mount": 165, "init_module": 175,
            "unshare": 272, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
            "finit_module": 313, "bpf": 321, "execveat": 322, "io_uring_setup": 425,
        },
    ),
    "aarch64": (
        0xC00000B7,
        277,
        {
            "socket": 198, "socketpair": 199, "bind": 200, "listen": 201, "accept": 202,
            "connect": 203, "execve": 221, "ptrace": 117, "pivot_root": 41, "mount": 40,
            "init_module": 105, "unshare": 97, "setns": 268, "process_vm_readv": 270,
            "process_vm_writev": 271, "finit_module": 273, "bpf": 280, "execveat": 281,
            "io_uring_setup": 425,
        },
    ),
}  # fmt: skip

STRICT = frozenset({"limits", "landlock", "seccomp"})
"""What SORA_SANDBOX=strict asks for."""


@dataclass(frozen=True)
class Bounds:
    """What the process may take. Memory counts what it allocates, not the libraries it maps."""

    memory: int = 512 * 2**20
    cpu_seconds: int = 60
    file_bytes: int = 0


def confine(bounds: Bounds, *, read: Sequence[Path], write: Path | None) -> list[str]:
    """Give up everything but reading `read` and writing below `write`. Returns the layers in force.

    Call first, before a library that parses is imported, while this process has one thread.
    """
    die_with_parent()
    os.umask(0o077)
    granted = ["limits"]
    _limit(bounds)
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return granted
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) == 0:
        granted.append("namespace")
    if _landlock([*libraries(), *read], [write] if write else []):
        granted.append("landlock")
    if _seccomp():
        granted.append("seccomp")
    return granted


def available() -> frozenset[str]:
    """The layers this kernel would grant, without taking any. The name space is not tried."""
    found = {"limits"}
    if _libc.syscall(_CREATE_RULESET, None, 0, 1) > 0:
        found.add("landlock")
    # A filter at address 0 is refused with EFAULT where filters exist, else with EINVAL.
    known = _DENIED.get(platform.machine())
    if known is not None and _libc.syscall(known[1], 1, 0, None) != 0 and ctypes.get_errno() == 14:
        found.add("seccomp")
    return frozenset(found)


def die_with_parent() -> None:
    """A worker that is killed must not leave its reader behind."""
    parent = os.getppid()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it was too late for the signal
        os._exit(1)


def libraries() -> list[Path]:
    """What an interpreter with our packages has to read. Not the state folder beside the code."""
    places = [
        "/usr",
        "/lib",
        "/lib64",
        "/etc/ld.so.cache",
        "/dev/urandom",
        "/sys/devices/system/cpu",
    ]
    return [
        *map(Path, places),
        Path(sys.prefix),
        Path(sys.base_prefix),
        Path(__file__).parent.parent,
    ]


def _limit(bounds: Bounds) -> None:
    for kind, value in (
        (resource.RLIMIT_DATA, bounds.memory),
        (resource.RLIMIT_AS, 4 * 2**30),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    resource.setrlimit(resource.RLIMIT_CPU, (bounds.cpu_seconds, bounds.cpu_seconds + 2))


def _landlock(readable: Iterable[Path], writable: Iterable[Path]) -> bool:
    version = _libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    files = (1 << 13) - 1  # each version of the interface knows more rights
    for since, bit in ((2, 1 << 13), (3, _TRUNCATE), (5, 1 << 15)):
        files |= bit if version >= since else 0
    network = 3 if version >= 4 else 0
    scoped = 3 if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    attributes = ctypes.c_char_p(struct.pack("QQQ", files, network, scoped))
    rules = _libc.syscall(_CREATE_RULESET, attributes, size, 0)
    if rules < 0:
        return False
    reading = _EXECUTE | _READ_FILE | _READ_DIR  # execute: libraries are mapped so
    added = True
    for paths, rights in ((readable, reading), (writable, files & ~_EXECUTE)):
        for path in paths:
            try:
                descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue  # not on this machine
            allowed = rights if path.is_dir() else rights & _ON_FILES
            rule = ctypes.c_char_p(struct.pack("=Qi", allowed & files, descriptor))
            added &= _libc.syscall(_ADD_RULE, rules, 1, rule, 0) == 0
            os.close(descriptor)
    granted: bool = added and _libc.syscall(_RESTRICT_SELF, rules, 0) == 0
    os.close(rules)
    return granted


def _seccomp() -> bool:
    known = _DENIED.get(platform.machine())
    if known is None:
        return False
    architecture, call, denied = known
    load, jump_equal, answer = 0x20, 0x15, 0x06
    program = [
        (load, 0, 0, 4),  # the architecture of the call
        (jump_equal, 1, 0, architecture),
        (answer, 0, 0, _KILL),
        (load, 0, 0, 0),  # its number
    ]
    numbers = sorted(denied.values())
    program += [
        (jump_equal, len(numbers) - index, 0, number) for index, number in enumerate(numbers)
    ]
    program += [(answer, 0, 0, _ALLOW), (answer, 0, 0, _REFUSE)]
    raw = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(raw, len(raw))
    filter_ = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    granted: bool = _libc.syscall(call, 1, 0, ctypes.c_char_p(filter_)) == 0
    return granted
