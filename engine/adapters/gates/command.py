"""From a configured gate to the arguments and the environment its command is given."""

import re
import tempfile
from collections.abc import Mapping

from engine.domain.gate import Gate
from engine.ports import GateSubject

_PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)\}", re.ASCII)
_SECRET_BYTES = 8
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def values_of(subject: GateSubject) -> dict[str, str]:
    """The variables a gate may name in its command and finds in its environment."""
    return {
        "ARTIFACT_REF": subject.reference,
        "ARTIFACT_DIGEST": str(subject.digest),
        "ARTIFACT_TAG": str(subject.tag),
        "VERSION": subject.version,
        "SOURCE_ENV": subject.source,
        "TARGET_ENV": subject.target,
    }


def argv_of(gate: Gate, values: Mapping[str, str]) -> list[str]:
    """
    The argument list with each `${NAME}` filled in; a name that is not ours stays as it is.

    Each is filled in once and stays one argument, whatever characters its value has.
    """
    return [
        _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), argument)
        for argument in gate.argv
    ]


def secrets_of(gate: Gate, environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """
    The values of `gate.env`, the longest first: what a gate is given to sign in with. Short ones
    (`true`, a port) are no secrets and stand in ordinary text.
    """
    values = {environ.get(name, "").encode() for name in gate.env}
    return tuple(sorted((v for v in values if len(v) >= _SECRET_BYTES), key=len, reverse=True))


def environment_of(
    gate: Gate, values: Mapping[str, str], environ: Mapping[str, str], home: str
) -> dict[str, str]:
    """All the command sees. Of `environ`, which holds our tokens, only what is listed here."""
    named = {name: environ[name] for name in gate.env if name in environ}
    return {
        "PATH": environ.get("PATH", _DEFAULT_PATH),
        "LANG": environ.get("LANG", "C.UTF-8"),
        "TMPDIR": environ.get("TMPDIR", tempfile.gettempdir()),
        "HOME": home,
        **named,
        **values,
    }
