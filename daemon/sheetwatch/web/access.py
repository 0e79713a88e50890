"""Where the pages may be reached: addresses to listen on, and the host names that browsers may ask for."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError

if TYPE_CHECKING:
    from sheetwatch.domain import Web

_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """From HOST:PORT, an IPv6 host in brackets. Raises ConfigError."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (colon and host and port.isascii() and port.isdigit() and 0 <= int(port) <= 65535):
            raise ConfigError(f"web.listen: {text!r} is no address; write HOST:PORT, such as 127.0.0.1:8765")
        return cls(host=host, port=int(port))

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        address = _ip(self.host)
        return address.is_loopback if address else self.host.lower() in _LOCAL_NAMES

    @property
    def url(self) -> str:
        """As a browser writes it."""
        return f"http://[{self.host}]:{self.port}/" if ":" in self.host else f"http://{self.host}:{self.port}/"


def check_listening(address: Address, web: Web, *, has_password: bool) -> None:
    """Raise ConfigError when the pages would be open to others without anybody asking who they are."""
    if address.is_local or has_password or web.behind_proxy:
        return
    raise ConfigError(
        f"web.listen: {address.host} can be reached by others, and no password is set; make one "
        "(sheetwatch web --set-password FILE) and name it as web.password_file, or listen on 127.0.0.1, or, where a "
        "proxy in front asks for names, set web.behind_proxy: true"
    )


def allowed_names(address: Address, web: Web) -> frozenset[str]:
    """The names under which the pages answer, in lower case.

    A page of another site can make its own name lead to this machine (DNS rebinding), and would then be of the same
    origin as ours; it cannot make a browser ask for a name of ours.
    """
    machine = socket.gethostname().lower()
    own = {machine, machine.partition(".")[0], f"{machine.partition('.')[0]}.local", address.host.lower()}
    return frozenset(own | _LOCAL_NAMES | {name.lower() for name in web.hosts})


def is_allowed(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header may be answered. Plain addresses always: nobody's DNS stands behind those."""
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit() or host.endswith("]"):
        name = host
    name = name.lower()
    literal = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    return name in names or _ip(literal) is not None


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
