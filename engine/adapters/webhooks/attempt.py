"""One attempt to deliver a webhook: its result, and whether a retry may help."""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

import httpx

from engine.adapters.webhooks.cdevents import CONTENT_TYPE, is_cdevent
from engine.adapters.webhooks.hook import Hook
from engine.config.proxies import translate_proxy_errors
from engine.domain.delivery import Delivery
from engine.domain.errors import ConfigError
from engine.domain.text import printable

_LONGEST_WAIT = 3600.0
_CONNECT_SECONDS = 10.0


class Ending(Enum):
    DELIVERED = "delivered"
    AGAIN = "again"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, why, and how many seconds the receiver asked to be left alone."""

    ending: Ending
    problem: str = ""
    retry_after: float = 0.0


def quiet() -> None:
    """httpx logs whole addresses and httpcore headers; here both are secrets."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def late(seconds: float) -> Outcome:
    return Outcome(Ending.AGAIN, f"did not answer within {seconds:.3g} seconds")


def attempt(
    hook: Hook, delivery: Delivery, tls: ssl.SSLContext, seconds: float, now: datetime
) -> Outcome:
    """Send `delivery` once; no exception of httpx leaves this."""
    content_type = CONTENT_TYPE if is_cdevent(delivery.event) else "application/json"
    ours = {"Content-Type": content_type, "User-Agent": "floe"}
    headers = {**hook.headers, **ours, **hook.signature(delivery.id, delivery.body, now)}
    try:
        return _judged(*_status(hook, delivery.body, headers, tls, seconds))
    except ConfigError as error:
        return Outcome(Ending.AGAIN, str(error))
    except httpx.TimeoutException:
        return late(seconds)
    except httpx.ConnectError as error:
        return Outcome(Ending.AGAIN, f"cannot be reached ({printable(str(error))[:200]})")
    except httpx.TransportError as error:
        return Outcome(Ending.AGAIN, f"broke the connection ({type(error).__name__})")


def _status(
    hook: Hook, body: bytes, headers: Mapping[str, str], tls: ssl.SSLContext, seconds: float
) -> tuple[int, str]:
    """Status and Retry-After. The body says nothing that is needed, so not a byte of it is read."""
    timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
    with translate_proxy_errors():
        made = httpx.Client(verify=tls, timeout=timeout, follow_redirects=False)
    with (
        made as client,
        client.stream("POST", hook.url, content=body, headers=dict(headers)) as response,
    ):
        return response.status_code, response.headers.get("Retry-After", "")


def _judged(status: int, retry_after: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome(Ending.DELIVERED)
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= 500:
        return Outcome(Ending.AGAIN, f"answered {status}", _seconds(retry_after))
    if 300 <= status < 400:
        return Outcome(
            Ending.REFUSED,
            f"answered {status}, a redirect, which is not followed: configure where it leads",
        )
    return Outcome(Ending.REFUSED, f"answered {status}: see to its url, headers and secret")


def _seconds(text: str) -> float:
    """From either form of Retry-After, at most an hour; 0 when it is missing or unreadable."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return 0.0
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_WAIT)
