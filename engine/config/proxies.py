"""Proxies and trusted certificates from environment variables."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from engine.domain.errors import ConfigError

_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def translate_proxy_errors() -> Iterator[None]:
    """
    Raise ConfigError if an HTTP client cannot be built from the environment variables.

    The error names the variables without their values, as the URL of a proxy may contain a
    password.
    """
    try:
        yield
    except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
        found = [name for name in os.environ if name.upper() in _NAMES]
        raise ConfigError(
            f"The environment variables of proxies and certificates are invalid "
            f"({', '.join(sorted(found))}): correct or unset them"
        ) from error
