"""`python -m devstack.transport FOLDER`: certificates, passwords and signing keys for compose.yaml.

An authority of one's own signs a certificate for each server. What a process may read has a folder of its own. What is
there stays, but for certificates that end soon.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import click

from devstack.certificates import Authority, days_left
from shop.services.signing_keys import rotate

SERVERS = ("mongo", "valkey")
_RENEWED_DAYS = 30  # before the end
_ACL = """\
user default off
user whybuy on #{password} ~whybuy:* ~{{whybuy:* ~arq:* resetchannels +@all -@admin -@dangerous +info
"""


class Transport:
    """The folders `authority`, `mongo`, `valkey` and `app` below one. Files are for their owner alone."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self, *, renew: bool = False, new_passwords: bool = False, new_signing_key: bool = False) -> list[str]:
        """Makes what is missing; returns the paths of what was made."""
        made: list[str | None] = [*self._certificates(renew=renew)]
        made += [self._secret("mongo/root-password"), self._secret("mongo/replica.key")]
        for server in SERVERS:
            made.append(self._secret(f"{server}/password", again=new_passwords))
            self._write(f"app/{server}-password", self._read(f"{server}/password"))
        digest = hashlib.sha256(self._read("valkey/password").encode()).hexdigest()
        self._write("valkey/users.acl", _ACL.format(password=digest))
        made.append(self._signing_keys(again=new_signing_key))
        return [path for path in made if path]

    def give(self, folder: str, user_id: int) -> None:
        """Makes a folder and its files that user's. Raises OSError unless we are root or that user."""
        for path in (self.root / folder, *(self.root / folder).iterdir()):
            os.chown(path, user_id, -1)

    def _certificates(self, *, renew: bool) -> list[str]:
        fresh = not self._has("authority/ca.pem") or self._ends_soon("authority/ca.pem")
        if fresh:
            authority = Authority.create("Whybuy databases")
            self._write("authority/ca.key", authority.key_pem)
            self._write("authority/ca.pem", authority.certificate_pem)
        authority = Authority.load(self._read("authority/ca.pem"), self._read("authority/ca.key"))
        made = ["authority/ca.pem"] if fresh else []
        for server in SERVERS:
            path = f"{server}/server.pem"
            if fresh or renew or not self._has(path) or self._ends_soon(path):
                self._write(path, authority.issue(server, "localhost", "127.0.0.1"))
                made.append(path)
        for folder in (*SERVERS, "app"):
            self._write(f"{folder}/ca.pem", authority.certificate_pem)
        return made

    def _secret(self, path: str, *, again: bool = False) -> str | None:
        if self._has(path) and not again:
            return None
        self._write(path, secrets.token_hex(32))
        return path

    def _signing_keys(self, *, again: bool) -> str | None:
        path = "app/signing-keys.json"
        if self._has(path) and not again:
            return None
        rotate(self.root / path)
        if (owner := (self.root / "app").stat().st_uid) != os.geteuid():
            os.chown(self.root / path, owner, -1)
        return path

    def _ends_soon(self, path: str) -> bool:
        return days_left(self._read(path), datetime.now(UTC)) < _RENEWED_DAYS

    def _has(self, path: str) -> bool:
        return (self.root / path).is_file()

    def _read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="ascii")

    def _write(self, path: str, content: str) -> None:
        """Whoever reads the file sees all of the old content or all of the new. It belongs to whom its folder does."""
        target = self.root / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.parent.chmod(0o700)
        fresh = target.with_name(f"{target.name}.new")
        fresh.unlink(missing_ok=True)
        with open(fresh, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(content)
        if (owner := target.parent.stat().st_uid) != os.geteuid():
            os.chown(fresh, owner, -1)
        fresh.replace(target)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--renew", is_flag=True, help="Make new certificates of the servers, by the same authority.")
@click.option("--new-passwords", is_flag=True, help="Make new passwords of the application.")
@click.option("--new-signing-key", is_flag=True, help="Make a key that signs access tokens from now on.")
@click.option("--owner", multiple=True, metavar="FOLDER=UID", help="Make a folder another user's (needs root).")
def main(folder: Path, *, renew: bool, new_passwords: bool, new_signing_key: bool, owner: tuple[str, ...]) -> None:
    """Make certificates, passwords and the keys of access tokens for compose.yaml; what is there stays.

    Certificates of servers are made again in their last 30 days. Restart the containers after a change; a new signing
    key needs no restart.
    """
    transport = Transport(folder)
    made = transport.prepare(renew=renew, new_passwords=new_passwords, new_signing_key=new_signing_key)
    for name, _, user_id in (one.partition("=") for one in owner):
        transport.give(name, int(user_id))
    click.echo(f"made: {', '.join(made)}" if made else "all is there")


if __name__ == "__main__":
    main(prog_name="python -m devstack.transport")
