"""Words to requests: the one place where what a person or script typed is understood."""

from engine.domain.artifact import Version
from engine.domain.errors import UsageError
from engine.domain.operator import Operator
from engine.domain.path import NO_ENVIRONMENT, PromotionPath
from engine.domain.request import PromotionRequest
from engine.domain.text import printable


def promotion_request(
    path: PromotionPath,
    version: str,
    source: str | None,
    target: str,
    operator: Operator,
    trace_id: str,
) -> PromotionRequest:
    """
    A promotion, one step along `path`.

    Without `source` it is the environment before `target`. `v1.2.3-dev` is understood as `v1.2.3`
    when the source is `dev`. UsageError (2) for what is no version or environment,
    InvalidTransitionError (9) for a step that is not on the path.
    """
    if source is None:
        before = path.before(target)
        source = before.name if before else NO_ENVIRONMENT
    path.step(source, target)
    if source != NO_ENVIRONMENT:
        version = version.removesuffix(f"-{source}")
    parsed = parse_version(version)
    _unambiguous(path, parsed, source)
    _unambiguous(path, parsed, target)
    return PromotionRequest(parsed, source, target, operator, trace_id)


def parse_version(text: str) -> Version:
    """`text` as a version, or UsageError saying what one looks like."""
    if text == "latest" or text.startswith("latest-"):
        raise UsageError(f"'{printable(text)}' is not a version: it moves. Name one, like v1.2.3")
    try:
        return Version(text)
    except ValueError as error:
        raise UsageError(
            f"'{printable(text)}' is not a version: a semantic version like v1.2.3, 1.2.3 or "
            "v1.2.3-rc.1, of at most 128 characters and without '+', is needed",
            {"version": text},
        ) from error


def _unambiguous(path: PromotionPath, version: Version, environment: str) -> None:
    """Refuse a version whose tag there would be read as another version or environment."""
    try:
        if environment == NO_ENVIRONMENT:
            tag, expected = version.tag, None
        else:
            tag, expected = path.environment(environment).tag(version), (version, environment)
    except ValueError as error:
        raise UsageError(
            f"'{version}-{environment}' is longer than the 128 characters a tag may have"
        ) from error
    reading = path.read(tag)
    found = (reading.version, reading.environment) if reading else None
    if found != expected or (reading and reading.rollback):
        meant = f"{reading.version} in {reading.environment}" if reading else "nothing"
        raise UsageError(
            f"'{version}' cannot be used here: its tag '{tag}' would be read as {meant}",
            {"version": str(version), "tag": str(tag)},
        )
