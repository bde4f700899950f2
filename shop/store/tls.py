"""Encrypted connections to MongoDB and Redis: how a certificate is checked, and what to correct when none comes about.

Of a refused certificate the drivers keep the sentence that OpenSSL says, so the sentence tells them apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Server:
    """A part that is reached over the network, and the names of the settings that say how."""

    part: str
    address: str  # such as REDIS_URL
    prefix: str  # of the settings of its files

    def error(self, problem: str, hint: str) -> UnavailableError:
        return UnavailableError(
            self.part,
            hint.format(address=self.address, prefix=self.prefix),
            problem=problem.format(address=self.address, prefix=self.prefix),
        )

    @property
    def not_encrypted(self) -> UnavailableError:
        """For a server that does not understand TLS."""
        return self.error(
            "does not speak TLS at the address of {address}.", "Turn TLS on at the server, or check the port."
        )


# The first that fits counts.
_SENTENCES = (
    ("certificate has expired", "has a certificate that has expired.", "Renew it at the server."),
    (
        "certificate is not yet valid",
        "has a certificate that is not valid yet.",
        "Check the clocks of both machines, or renew it at the server.",
    ),
    (
        "certificate is not valid for",
        "has a certificate for another host name than that of {address}.",
        "Use a name that the certificate has, or renew it with this one.",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "has a certificate of an authority that is not trusted here.",
        "Name the file of its authority in {prefix}_TLS_CA_FILE.",
    ),
    (
        "ALERT_CERTIFICATE_REQUIRED",
        "wants a certificate of its clients.",
        "Name the file of ours in {prefix}_TLS_CERTIFICATE_FILE.",
    ),
    *(
        (alert, "refuses our certificate.", "Check the file that {prefix}_TLS_CERTIFICATE_FILE names.")
        for alert in ("ALERT_UNKNOWN_CA", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE_")
    ),
)
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "SSL handshake failed")


def tls_error(server: Server, reason: str) -> UnavailableError | None:
    """What the operator has to correct; None where the reason says nothing of it. `reason`: a driver's own words."""
    for fragment, problem, hint in _SENTENCES:
        if fragment in reason:
            return server.error(problem, hint)
    return server.not_encrypted if any(fragment in reason for fragment in _NO_TLS) else None


def client_context(ca_file: Path | None, certificate_file: Path | None) -> ssl.SSLContext:
    """Checks certificates and host names, by the authorities of the file alone, without one by those of the system."""
    context = ssl.create_default_context(cafile=ca_file)
    if certificate_file is not None:
        context.load_cert_chain(certificate_file)
    return context


async def speaks_tls(host: str, port: int, seconds: float) -> bool:
    """Whether a server answers to TLS, with whatever certificate."""
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    except ssl.SSLCertVerificationError:
        return True
    except OSError:
        return False
    writer.close()
    return True


async def answers_in_plain(host: str, port: int, seconds: float) -> bool:
    """Whether a server answers to Redis's PING that is not encrypted, be it with an error."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"PING\r\n")
                return (await reader.read(1)) in {b"+", b"-"}
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except OSError:
        return False
