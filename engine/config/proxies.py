"""What the environment says of the way to others: proxies, and certificates to trust."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from engine.domain.errors import ConfigError

_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def usable_surroundings() -> Iterator[None]:
    """
    Around making an HTTP client, which reads the environment: ConfigError that names what in it
    cannot be used. No value is repeated, since a proxy's address may hold a password.
    """
    try:
        yield
    except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
        found = [name for name in os.environ if name.upper() in _NAMES]
        raise ConfigError(
            f"What the environment says of proxies and certificates cannot be used "
            f"({', '.join(sorted(found))}): correct it, or unset it"
        ) from error
