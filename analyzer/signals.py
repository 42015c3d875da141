"""Whether a container's PID 1 can hear its stop signal at all.

The kernel drops a signal to the init process of a PID namespace when the process has no handler for it and
does not block it (pid_namespaces(7)). An engine then waits its whole patience for nothing before it kills.
"""

from __future__ import annotations

import signal
from pathlib import Path


def is_deaf(pid: int, name: str, container: str, proc: Path = Path("/proc")) -> bool:
    """Whether this process, PID 1 of a container of this machine, is sure to drop the signal.

    `name` is as STOPSIGNAL writes it: "SIGQUIT", "QUIT" or "3". False wherever it cannot be known: the
    engine is on another machine, or the process is not the container's.
    """
    number = _number(name)
    folder = proc / str(pid)
    try:
        if pid <= 0 or number is None or container not in (folder / "cgroup").read_text():
            return False
        threads = [_fields((task / "status").read_text()) for task in (folder / "task").iterdir()]
    except OSError:
        return False
    bit = 1 << (number - 1)
    heard = ("SigCgt", "SigBlk")
    return all(
        fields.get("NSpid", "").split()[1:] != []
        and not any(int(fields.get(mask, "0"), 16) & bit for mask in heard)
        for fields in threads
    )


def _number(name: str) -> int | None:
    if name.isdecimal():
        return int(name)
    full = name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"
    found = getattr(signal, full, None)
    return int(found) if isinstance(found, signal.Signals) else None


def _fields(status: str) -> dict[str, str]:
    return {key: value.strip() for key, _, value in (line.partition(":") for line in status.splitlines())}
