"""An office with its pages: the real ledger, fake workers, Flask's test client."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sheetwatch.ledger import OpenReview, open_reviews
from sheetwatch.web.access import Address
from sheetwatch.web.app import create_app
from support.office import Office, sheet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from sheetwatch.web.passwords import PasswordHash

ADDRESS = Address(host="127.0.0.1", port=8765)


@dataclass
class Visitor:
    """A browser: keeps its cookies, and sends back the token of the last form that it saw."""

    client: FlaskClient
    token: str = ""

    def get(self, path: str, **extra: Any) -> TestResponse:
        answer = self.client.get(path, **extra)
        answer.get_data()
        answer.close()
        if found := re.search(
            r'name="csrf" value="([^"]+)"', answer.text if "html" in (answer.content_type or "") else ""
        ):
            self.token = found[1]
        return answer

    def post(self, path: str, data: Mapping[str, str] | None = None, **extra: Any) -> TestResponse:
        return self.client.post(path, data={"csrf": self.token, **(data or {})}, **extra)

    def log_in(self, name: str = "ann", password: str = "") -> TestResponse:
        self.get("/login")
        answer = self.post("/login", {"name": name, "password": password})
        self.get("/review/all")
        return answer

    def follow(self, answer: TestResponse) -> str:
        assert answer.status_code == 303, answer.text
        return self.get(answer.headers["Location"]).text


@dataclass
class WebOffice(Office):
    """An office with its pages."""

    def pages(self, password: PasswordHash | None = None) -> Visitor:
        app = create_app(self.settings, ADDRESS, password, clock=self.clock)
        return Visitor(app.test_client())

    def operator(self, name: str = "ann") -> Visitor:
        visitor = self.pages()
        visitor.log_in(name)
        return visitor

    def in_review(self, *pages: str, name: str = "exam.jpg") -> OpenReview:
        """Put a scan into the inbox; returns the page that waits longest."""
        self.drop(name, sheet(*pages))
        self.settle()
        return open_reviews(self.ledger)[0]
