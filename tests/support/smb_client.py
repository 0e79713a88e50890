"""A client of a share in a process of its own, so that it can be killed: python smb_client.py URL-OF-SHARE.

Reads one JSON array a line, [operation, argument...], and answers each with one line of JSON: the result, or
{"error": text}. Files are opened and kept open by name. Over libsmbclient, which Debian's smbclient brings.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

_AUTH = ctypes.CFUNCTYPE(
    None,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_int,
)
_SIGNATURES: dict[str, tuple[type, list[type]]] = {
    "smbc_init": (ctypes.c_int, [_AUTH, ctypes.c_int]),
    "smbc_open": (ctypes.c_int, [ctypes.c_char_p, ctypes.c_int, ctypes.c_uint]),
    "smbc_write": (ctypes.c_ssize_t, [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]),
    "smbc_lseek": (ctypes.c_longlong, [ctypes.c_int, ctypes.c_longlong, ctypes.c_int]),
    "smbc_ftruncate": (ctypes.c_int, [ctypes.c_int, ctypes.c_longlong]),
    "smbc_close": (ctypes.c_int, [ctypes.c_int]),
    "smbc_rename": (ctypes.c_int, [ctypes.c_char_p, ctypes.c_char_p]),
    "smbc_unlink": (ctypes.c_int, [ctypes.c_char_p]),
    "smbc_mkdir": (ctypes.c_int, [ctypes.c_char_p, ctypes.c_uint]),
}


_AS_GUEST = _AUTH(lambda *_: None)  # names no user


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libsmbclient.so.0", use_errno=True)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    if library.smbc_init(_AS_GUEST, 0) < 0:
        raise OSError(ctypes.get_errno(), "libsmbclient cannot start")
    return library


@dataclass
class Client:
    """What one line asks for; each method is an operation."""

    share: str
    library: ctypes.CDLL = field(default_factory=_library)
    files: dict[str, int] = field(default_factory=dict)

    def open(self, name: str) -> int:
        """Open a file for writing, made where it is missing; what it holds stays."""
        self.files[name] = self._call("smbc_open", self._url(name), os.O_CREAT | os.O_RDWR, 0o644)
        return self.files[name]

    def write(self, name: str, offset: int, text: str) -> int:
        """Write bytes (as Latin-1 text) at a place."""
        data = text.encode("latin-1")
        self._call("smbc_lseek", self.files[name], offset, os.SEEK_SET)
        return self._call("smbc_write", self.files[name], data, len(data))

    def resize(self, name: str, size_bytes: int) -> int:
        return self._call("smbc_ftruncate", self.files[name], size_bytes)

    def close(self, name: str) -> int:
        return self._call("smbc_close", self.files.pop(name))

    def rename(self, name: str, new: str) -> int:
        return self._call("smbc_rename", self._url(name), self._url(new))

    def unlink(self, name: str) -> int:
        return self._call("smbc_unlink", self._url(name))

    def mkdir(self, name: str) -> int:
        return self._call("smbc_mkdir", self._url(name), 0o755)

    def _url(self, name: str) -> bytes:
        return f"{self.share}/{quote(name)}".encode()

    def _call(self, name: str, *arguments: Any) -> int:
        result: int = getattr(self.library, name)(*arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), f"{name}{arguments[:1]}: {os.strerror(ctypes.get_errno())}")
        return result


def main() -> None:
    client = Client(sys.argv[1])
    for line in sys.stdin:
        operation, *arguments = json.loads(line)
        try:
            answer = getattr(client, operation)(*arguments)
        except OSError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
