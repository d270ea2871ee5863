"""Opens the signer for a configured key."""

from pathlib import Path

from engine.adapters.signing.pem import PemSigner, load_private_pem
from engine.domain.errors import ConfigError
from engine.ports.signer import Signer

# A private key in PEM has less than 1 KiB.
_MAX_BYTES = 64 * 1024


def open_signer(kind: str, address: str, pem: str | None) -> Signer:
    """
    Open the key `address` of `kind` as in `ledger.signing.key`; `pem` is the value of a variable.

    ConfigError if it is not usable. A key management service is asked only when it signs.
    """
    if kind == "env":
        return load_private_pem((pem or "").encode(), f"env:{address}")
    if kind == "file":
        return read_private_file(Path(address), f"file:{address}")
    # Imported only for a service: securesystemslib is slow to import.
    from engine.adapters.signing.kms import KmsSigner

    return KmsSigner(kind, address, f"{kind}:{address}")


def read_private_file(path: Path, name: str) -> PemSigner:
    """Load the private key in the file `path`; ConfigError with `name` if that fails."""
    try:
        with path.open("rb") as file:
            pem = file.read(_MAX_BYTES)
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}") from error
    return load_private_pem(pem, name)
