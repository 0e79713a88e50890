"""How long a fault of the system is waited for, and how often it is tried again meanwhile."""

from __future__ import annotations

from sheetwatch.domain import EnvironmentFault

_LONGEST_PAUSE_S = 30.0
GOES_ON = "the same command goes on where this one stopped"


class Patience:
    """Pauses that get longer from fault to fault: 1 s, 2 s, 4 s, to half a minute. Times: time.monotonic()."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._pause_s = 1.0
        self.fault: str | None = None
        self.again_s = 0.0

    def well(self) -> None:
        """A page was read from end to end: what failed works again."""
        self._pause_s, self.fault, self.again_s = 1.0, None, 0.0

    def failed(self, error: Exception, *, since_s: float, now_s: float) -> None:
        """Something did not, since then. Raises EnvironmentFault when that is too long."""
        if now_s - since_s >= self._patience_s:
            raise EnvironmentFault(f"{told(error)}; {GOES_ON}") from error
        if now_s >= self.again_s:  # of all that fail at the same time, the first counts
            self.again_s = now_s + min(self._pause_s, max(0.0, since_s + self._patience_s - now_s))
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        self.fault = told(error)


def told(error: Exception) -> str:
    """An error of ours as it is; one of the system with the mend."""
    if not isinstance(error, OSError):
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; check the path, its rights, its mount and the free space"
