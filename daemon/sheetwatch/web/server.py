"""Start the pages: check where they may listen, then serve until stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sheetwatch.domain import EnvironmentFault
from sheetwatch.service.logs import configure
from sheetwatch.web.access import Address, check_listening
from sheetwatch.web.app import create_app
from sheetwatch.web.passwords import load_password
from sheetwatch.web.security import LARGEST_UPLOAD_BYTES

if TYPE_CHECKING:
    from sheetwatch.domain import Settings

_THREADS = 4
_HEADER_BYTES = 16 * 1024


def serve(settings: Settings, listen: str | None) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises ConfigError when others could reach the pages without a password, EnvironmentFault when the address is taken.
    """
    import waitress  # noqa: PLC0415 - only here

    address = Address.parse(listen or settings.web.listen)
    password = load_password(settings.web)
    check_listening(address, settings.web, has_password=password is not None)
    log = configure(settings.log)
    app = create_app(settings, address, password)
    try:
        server = waitress.create_server(app, host=address.host, port=address.port, **_limits(settings))
    except OSError as error:
        raise EnvironmentFault(
            f"{address.host}:{address.port}: cannot listen there ({error.strerror}); choose another address: "
            "sheetwatch web --listen HOST:PORT"
        ) from error
    log.info("web_started", url=address.url, password=password is not None)
    try:
        server.run()
    finally:
        server.close()
        log.info("web_stopped")


def _limits(settings: Settings) -> dict[str, Any]:
    limits: dict[str, Any] = {
        "threads": _THREADS,
        "max_request_body_size": LARGEST_UPLOAD_BYTES,
        "max_request_header_size": _HEADER_BYTES,
        "channel_timeout": 30,
        "connection_limit": 30,
        "ident": "",
    }
    if settings.web.behind_proxy:
        limits |= {
            "trusted_proxy": "*",
            "trusted_proxy_count": 1,
            "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
        }
    return limits | {"clear_untrusted_proxy_headers": True}
