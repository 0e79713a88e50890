"""Visits the operator's pages as a browser does, with Python's own library: visit.py URL NAME PASSWORD FOLDER.

FOLDER holds `picture.jpg`, `blank.png` and `sketch.json`. Prints as JSON what came of it: the status of logging in, the
numbers spotted on the picture, and what was said when the sketch was saved as a form.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

_SEPARATOR = "one-part-and-the-next"


class Browser:
    """Keeps its cookies, and sends back the token of the last form that it saw."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._token = ""
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def get(self, path: str) -> tuple[int, str]:
        """A page's status and text."""
        return self._ask(path)

    def post(self, path: str, data: dict[str, str]) -> tuple[int, str]:
        """Send a form."""
        body = urllib.parse.urlencode({"csrf": self._token, **data}).encode()
        return self._ask(path, body)

    def send(self, path: str, field: str, file: Path, data: dict[str, str]) -> tuple[int, str]:
        """Send a file with a form."""
        parts = [(f'name="{name}"', value.encode()) for name, value in {"csrf": self._token, **data}.items()]
        parts.append((f'name="{field}"; filename="{file.name}"', file.read_bytes()))
        body = b"".join(
            f"--{_SEPARATOR}\r\nContent-Disposition: form-data; {what}\r\n\r\n".encode() + content + b"\r\n"
            for what, content in parts
        )
        kind = {"Content-Type": f"multipart/form-data; boundary={_SEPARATOR}"}
        return self._ask(path, body + f"--{_SEPARATOR}--\r\n".encode(), kind)

    def _ask(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
        request = urllib.request.Request(self._url + path, body, headers or {})  # noqa: S310 - the test's own address
        try:
            with self._opener.open(request, timeout=120) as answer:
                status, text = answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        if found := re.search(r'name="csrf" value="([^"]+)"', text):
            self._token = found[1]
        return status, text


def visit(url: str, name: str, password: str, folder: Path) -> dict[str, Any]:
    """Log in, try a picture, draw a form."""
    browser = Browser(url)
    browser.get("/login")
    login, _ = browser.post("/login", {"name": name, "password": password})
    browser.get("/try/")
    spotted = browser.send("/try/spot", "picture", folder / "picture.jpg", {})
    begun = browser.post("/designer/begin", {})
    draft = json.loads(begun[1])["url"] if begun[0] == HTTPStatus.OK else ""
    browser.send(f"{draft}/upload", "piece", folder / "blank.png", {"index": "0", "at": "0"})
    browser.post(f"{draft}/blank", {"page": "1", "name": "weekly-test"})
    browser.post(f"{draft}/keep", {"turn": "0", "sketch": (folder / "sketch.json").read_text()})
    saved = browser.post(f"{draft}/save", {"turn": "1"})
    return {"login": login, "spotted": spotted, "saved": saved, "today": browser.get("/")}


if __name__ == "__main__":
    address, who, secret, luggage = sys.argv[1:]
    print(json.dumps(visit(address, who, secret, Path(luggage))))
