"""The password of the operator's pages: one for all, kept only as a scrypt hash (RFC 7914)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError, UsageError
from sheetwatch.files import write_atomically

if TYPE_CHECKING:
    from sheetwatch.domain import Web

LEAST_LENGTH = 10
CREDENTIAL = "sheetwatch-web-password"
# 32 MiB and about a tenth of a second on a Raspberry Pi 4: what a guess costs.
_COST, _BLOCK, _PARALLEL = 1 << 15, 8, 1
_MEMORY_BYTES = 64 << 20
_KEY_BYTES = 32
_LARGEST_FILE_BYTES = 1000
_LONGEST_PASSWORD = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordHash:
    """What is kept of a password."""

    salt: bytes
    key: bytes

    @classmethod
    def of(cls, password: str) -> PasswordHash:
        """With a new salt."""
        salt = secrets.token_bytes(16)
        return cls(salt=salt, key=_scrypt(password, salt))

    @classmethod
    def parse(cls, text: str) -> PasswordHash:
        """From a line as `line` gives it. Raises ValueError."""
        kind, cost, block, parallel, salt, key = text.strip().split(":")
        if (kind, cost, block, parallel) != ("scrypt", str(_COST), str(_BLOCK), str(_PARALLEL)):
            raise ValueError("another kind of hash")
        try:
            found = cls(salt=base64.b64decode(salt, validate=True), key=base64.b64decode(key, validate=True))
        except binascii.Error as error:
            raise ValueError("damaged") from error
        if len(found.key) != _KEY_BYTES or len(found.salt) < 8:
            raise ValueError("damaged")
        return found

    @property
    def line(self) -> str:
        """As it stands in a file."""
        salt, key = (base64.b64encode(part).decode() for part in (self.salt, self.key))
        return f"scrypt:{_COST}:{_BLOCK}:{_PARALLEL}:{salt}:{key}\n"

    def fits(self, password: str) -> bool:
        """Whether this is the password; takes as long either way."""
        return len(password) <= _LONGEST_PASSWORD and hmac.compare_digest(_scrypt(password, self.salt), self.key)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=_COST,
        r=_BLOCK,
        p=_PARALLEL,
        maxmem=_MEMORY_BYTES,
        dklen=_KEY_BYTES,
    )


def load_password(web: Web) -> PasswordHash | None:
    """The hash of web.password_file, else of systemd's credential, else None. Raises ConfigError."""
    path = web.password_file or _credential()
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE_BYTES)
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise ConfigError(
            f"{path}: the password file cannot be read ({error.strerror}); sheetwatch web --set-password {path}"
        ) from error
    if mode & stat.S_IROTH:
        raise ConfigError(f"{path}: everybody on this machine can read the password file; chmod 640 {path}")
    try:
        return PasswordHash.parse(data.decode())
    except ValueError as error:
        raise ConfigError(f"{path}: holds no password; make it anew: sheetwatch web --set-password {path}") from error


def _credential() -> Path | None:
    """What systemd hands over (LoadCredential=, systemd.exec(5))."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / CREDENTIAL if folder else None
    return path if path and path.exists() else None


def write_password(path: Path, password: str) -> None:
    """Keep a new password's hash in a file that only its owner reads. Raises UsageError, OSError."""
    if len(password) < LEAST_LENGTH:
        raise UsageError(f"a password needs at least {LEAST_LENGTH} characters; some words in a row do well")
    if len(password) > _LONGEST_PASSWORD:
        raise UsageError(f"a password has at most {_LONGEST_PASSWORD} characters")
    before = os.umask(0o077)
    try:
        write_atomically(path, PasswordHash.of(password).line.encode())
    finally:
        os.umask(before)
