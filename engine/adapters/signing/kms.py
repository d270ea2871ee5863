"""Signs in a key management service, by the signers of securesystemslib."""

from threading import Lock
from typing import Any

from securesystemslib.exceptions import (
    UnsupportedAlgorithmError,
    UnsupportedLibraryError,
)
from securesystemslib.signer import AWSSigner, AzureSigner, GCPSigner, Signer, VaultSigner

from engine.attestation.keys import LEDGER_KINDS, VerificationKey, load_ledger_key
from engine.domain.errors import ConfigError, SigningUnavailableError
from engine.domain.text import mask_secrets, printable

# The longest quoted message of a service.
_REASON = 300
_SIGNERS: dict[str, Any] = {
    "awskms": AWSSigner,
    "gcpkms": GCPSigner,
    "azurekms": AzureSigner,
    "hashivault": VaultSigner,
}
_PACKAGES = {
    "awskms": "boto3",
    "gcpkms": "google-cloud-kms",
    "azurekms": "azure-identity azure-keyvault-keys",
    "hashivault": "hvac",
}


class KmsSigner:
    """Implements `engine.ports.signer.Signer` for the key `address` of the service `kind`."""

    def __init__(self, kind: str, address: str, name: str) -> None:
        self._kind = kind
        self._address = address
        self._name = name
        self._opened: tuple[Signer, VerificationKey] | None = None
        self._lock = Lock()

    def public_key(self) -> bytes:
        return self._open()[1].der

    def sign(self, message: bytes) -> bytes:
        signer, key = self._open()
        try:
            signature = bytes.fromhex(signer.sign(message).signature)
        # The libraries of the services share no exception class.
        except Exception as error:
            raise self._unavailable(error) from error
        if not key.signed(signature, message):
            raise SigningUnavailableError(
                f"{self._name} returned a signature that its public key does not verify: check "
                "that the service still has the same version of the key"
            )
        return signature

    def _open(self) -> tuple[Signer, VerificationKey]:
        """Read the public key once; one request."""
        with self._lock:
            if self._opened is None:
                self._opened = self._connect()
            return self._opened

    def _connect(self) -> tuple[Signer, VerificationKey]:
        service = _SIGNERS[self._kind]
        try:
            uri, public = service.import_(*self._import_arguments())
            signer: Signer = service.from_priv_key_uri(uri, public)
        except UnsupportedLibraryError as error:
            raise ConfigError(
                f"{self._name} needs a package that is not installed: "
                f"pip install {_PACKAGES[self._kind]}"
            ) from error
        except UnsupportedAlgorithmError as error:
            raise ConfigError(
                f"{self._name} is of an unsupported kind: it must be {LEDGER_KINDS}"
            ) from error
        # The libraries of the services share no exception class.
        except Exception as error:
            raise self._unavailable(error) from error
        return signer, load_ledger_key(public.keyval["public"].encode(), self._name)

    def _import_arguments(self) -> list[str]:
        return self._address.split("/", 1) if self._kind == "azurekms" else [self._address]

    def _unavailable(self, error: Exception) -> SigningUnavailableError:
        reason = printable(mask_secrets(str(error)))[:_REASON]
        return SigningUnavailableError(
            f"{self._name} cannot sign, so nothing was written: {type(error).__name__}: {reason}. "
            "Check the credentials of the key management service, and run the same command again"
        )
