"""A program of about 200 bytes that gives up a set user id and becomes another program.

strace started setuid root begins the app with root's effective id (its exec_or_die keeps it), so something
between the two has to let go of it, in an image that may hold no program but the app. This one needs no
loader, no library and no environment: PATH ARGV0 [ARGUMENT…]. It exits with 126 where it fails.
"""

from __future__ import annotations

import struct

# From the GNU assembler. Registers keep argc, argv + 1 and envp; then setresgid and setresuid to the real
# ids, so that no saved id stays behind, and execve(argv[1], argv + 2, envp).
_X86_64 = bytes.fromhex(
    "4c8b2424"  # mov (%rsp), %r12
    "4c8d6c2410"  # lea 16(%rsp), %r13
    "4e8d74e410"  # lea 16(%rsp, %r12, 8), %r14
    "b868000000 0f05"  # getgid
    "89c7 89c6 89c2 b877000000 0f05"  # setresgid(%eax, %eax, %eax)
    "b866000000 0f05"  # getuid
    "89c7 89c6 89c2 b875000000 0f05"  # setresuid(%eax, %eax, %eax)
    "85c0 7512"  # test %eax, %eax; jnz to the exit
    "498b7d00 498d7508 4c89f2 b83b000000 0f05"  # execve((%r13), %r13 + 8, %r14)
    "bf7e000000 b83c000000 0f05"  # exit(126)
)
_AARCH64 = bytes.fromhex(
    "f30340f9 f4430091 950e138b"  # argc, argv + 1, envp into x19, x20, x21
    "081680d2 010000d4"  # getgid
    "e103002a e203002a a81280d2 010000d4"  # setresgid(w0, w0, w0)
    "c81580d2 010000d4"  # getuid
    "e103002a e203002a 681280d2 010000d4"  # setresuid(w0, w0, w0)
    "c0000035"  # cbnz w0, to the exit
    "800240f9 81220091 e20315aa a81b80d2 010000d4"  # execve([x20], x20 + 8, x21)
    "c00f80d2 a80b80d2 010000d4"  # exit(126)
)
# ELF's e_machine and the code by Docker's name of the architecture.
_CODE = {"amd64": (62, _X86_64), "arm64": (183, _AARCH64)}

_BASE = 0x400000
_ELF_HEADER, _PROGRAM_HEADER = 64, 56


def launcher(architecture: str) -> bytes | None:
    """The launcher as an ELF executable; None for an architecture that it is not written for."""
    if architecture not in _CODE:
        return None
    machine, code = _CODE[architecture]
    start = _ELF_HEADER + _PROGRAM_HEADER
    size = start + len(code)
    # 64 bits, little endian, ELF version 1; an executable (2) with one program header (elf(5)).
    header = b"\x7fELF" + bytes([2, 1, 1]).ljust(12, b"\0")
    header += struct.pack(
        "<HHIQQQIHHHHHH", 2, machine, 1, _BASE + start, _ELF_HEADER, 0, 0, 64, _PROGRAM_HEADER, 1, 64, 0, 0
    )
    # PT_LOAD (1), readable and executable (5): the whole file.
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)
    return header + segment + code
