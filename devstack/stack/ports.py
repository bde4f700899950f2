"""Which port a server gets, and which process has one that is taken."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from devstack.errors import StackError

HOST = "127.0.0.1"
_LISTENING = "0A"


_promised: set[int] = set()  # the ports that this process has found: a server may not listen on its own yet


def free_port(*preferred: int) -> int:
    """The first preferred port that nothing listens on, else one that the system chooses; none twice in a process."""
    chosen = next((port for port in preferred if port and port not in _promised and port_is_free(port)), 0)
    while not chosen or chosen in _promised:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            chosen = int(probe.getsockname()[1])
    _promised.add(chosen)
    return chosen


def port_is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free(port: int, host: str) -> int:
    """The port that the user has named. Raises StackError that tells who has it."""
    if port == 0:
        return free_port()
    if not port_is_free(port, host):
        owner = port_owner(port)
        by = f"by process {owner[0]} ({owner[1]})" if owner else "by another program"
        way = f"Stop that one (`kill {owner[0]}`)" if owner else f"Find it with `ss -ltnp 'sport = :{port}'`"
        raise StackError(f"Port {port} is already used {by}. {way}, or name another port with --port or API_PORT.")
    return port


def port_owner(port: int) -> tuple[int, str] | None:
    """Process id and command line of who listens on the port, as far as we may see it (Linux)."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                return int(process.name), command.strip()[:80]
    return None


def _listening_inodes(port: int) -> list[str]:
    inodes = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.append(fields[9])
    return inodes
