"""The browser of the person at the terminal."""

import os
import sys
import webbrowser
from contextlib import suppress


def has_browser() -> bool:
    """Return whether a browser can show a page to the person at this terminal."""
    if os.environ.get("BROWSER"):
        return True
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if os.environ.get("SSH_CONNECTION") or (sys.platform == "linux" and not shown):
        return False
    with suppress(webbrowser.Error):
        return bool(webbrowser.get())
    return False


def open_browser(url: str) -> bool:
    """Open `url`; the output of the browser goes to stderr, because stdout is for the answer."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        return webbrowser.open(url)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
