"""The options of a promotion, as people type them in Slack."""

import re

from engine.domain.overrides import Overrides

# Phones turn two hyphens into one dash, and straight quotes into others.
_DASHES, _QUOTES = "[-‐-―]{1,2}", '"“”„'
_OPTION = rf"(?<!\S){_DASHES}(?:allow-older|override-rollback|reason)(?=[\s=]|$)"
_REASON = re.compile(
    rf"(?<!\S){_DASHES}reason(?:[\s=]+|$)"
    rf"(?:[{_QUOTES}](?P<quoted>[^{_QUOTES}]*)[{_QUOTES}]|(?P<bare>.*?)(?={_OPTION}|$))",
    re.DOTALL,
)
_FLAG = re.compile(rf"(?<!\S){_DASHES}(allow-older|override-rollback)(?!\S)")


def overrides_in(text: str) -> tuple[str, Overrides]:
    """The other words of `text`, and what its options ask for."""
    said = _REASON.search(text)
    rest = text[: said.start()] + " " + text[said.end() :] if said else text
    reason = (said["quoted"] or said["bare"] or "").strip() if said else ""
    flags = set(_FLAG.findall(rest))
    asked = Overrides("allow-older" in flags, "override-rollback" in flags, reason)
    return _FLAG.sub(" ", rest), asked


def asked_words(overrides: Overrides) -> dict[str, str]:
    """`overrides` as an accepted action keeps them."""
    flags = {
        "allow_older": overrides.allow_older,
        "override_rollback": overrides.override_rollback,
    }
    return {name: "yes" for name, asked in flags.items() if asked} | (
        {"reason": overrides.reason} if overrides.reason else {}
    )
