"""Builds the arguments and the environment of a gate's command."""

import re
import tempfile
from collections.abc import Mapping

from engine.domain.gate import Gate
from engine.ports import GateSubject

_PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)\}", re.ASCII)
_SECRET_BYTES = 8
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def values_of(subject: GateSubject) -> dict[str, str]:
    """The variables for placeholders in a gate's command, also set in its environment."""
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
    The argument list with each known `${NAME}` replaced; unknown names stay unchanged.

    Values are not expanded again or split, so each argument stays one argument.
    """
    return [
        _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), argument)
        for argument in gate.argv
    ]


def secrets_of(gate: Gate, environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """
    The values of `gate.env` to mask in output, longest first. Values under 8 bytes (`true`, a
    port) are left out, since they also occur in ordinary text.
    """
    values = {environ.get(name, "").encode() for name in gate.env}
    return tuple(sorted((v for v in values if len(v) >= _SECRET_BYTES), key=len, reverse=True))


def environment_of(
    gate: Gate, values: Mapping[str, str], environ: Mapping[str, str], home: str
) -> dict[str, str]:
    """The whole environment of the command; other variables of `environ` may be tokens."""
    named = {name: environ[name] for name in gate.env if name in environ}
    return {
        "PATH": environ.get("PATH", _DEFAULT_PATH),
        "LANG": environ.get("LANG", "C.UTF-8"),
        "TMPDIR": environ.get("TMPDIR", tempfile.gettempdir()),
        "HOME": home,
        **named,
        **values,
    }
