"""Limits how often something may be done."""

import threading
import time


class Rate:
    """Admits a burst, and afterwards a number in each second, of all callers together."""

    def __init__(self, per_second: float = 20.0, burst: float = 200.0) -> None:
        self._lock = threading.Lock()
        self._per_second, self._burst = per_second, burst
        self._left, self._at = burst, time.monotonic()

    def admit(self) -> bool:
        """Return whether one more is admitted now."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True
