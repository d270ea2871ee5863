"""Render the answers about keys."""

from cli.output import Answer
from cli.render import freeze
from cli.render.common import trace_line
from engine.domain.text import printable
from engine.responses.keys import KeyResponse, RotationsResponse


def render_generated(response: KeyResponse) -> Answer:
    lines = [
        f"Private key: {printable(response.private_key_file or '')} (only you can read it)",
        f"Public key:  {printable(response.public_key_file or '')}",
        *_forms(response),
        "Sign with it: ledger: {signing: {key: file:PATH or env:NAME}, trusted_keys: [PATH.pub]}",
        trace_line(response.trace_id),
    ]
    return Answer(response, lines)


def render_shown(response: KeyResponse) -> Answer:
    """The PEM comes first, so that it can be copied as a block."""
    pem = response.public_key.splitlines()
    return Answer(response, [*pem, *_forms(response), trace_line(response.trace_id)])


def render_rotated(response: RotationsResponse, *, verified: bool) -> Answer:
    """`verified` says whether the operator's identity was verified."""
    answers = [freeze.render("rotate", each, verified=verified) for each in response.environments]
    trace = trace_line(response.trace_id)
    lines = [line for each in answers for line in each.lines if line != trace]
    warnings = tuple(warning for each in answers for warning in each.warnings)
    code, failed = (response.error.exit_code, True) if response.error else (0, False)
    return Answer(response, [*lines, trace], code, failed=failed, warnings=warnings)


def _forms(response: KeyResponse) -> list[str]:
    verifier = response.verifier_key
    return [
        f"Kind:        {response.kind}",
        f"Key ID:      {response.key_id}",
        f"Cosign hint: {response.cosign_hint}",
        *([f"C2SP key:    {printable(verifier)}"] if verifier else []),
    ]
