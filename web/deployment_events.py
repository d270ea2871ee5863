"""Reads reports about deployments: of floe, Argo CD notifications, Flux, and CDEvents."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from engine.config.error_messages import Node
from engine.domain.artifact import Digest
from engine.domain.deployments import CLOCK_SKEW, Health, Report
from engine.domain.errors import UsageError
from engine.domain.purl import Purl
from engine.domain.text import printable
from web.request_models import DeploymentReport, sent

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}(?![0-9a-f])")
_NAME = re.compile(r"[\w./@:-]{1,128}", re.ASCII)
_MOST_DIGESTS = 50
# The words of floe, and those of Argo CD.
_HEALTH = {
    **{each.value: each for each in Health},
    "Healthy": Health.HEALTHY,
    "Progressing": Health.PROGRESSING,
    "Suspended": Health.PROGRESSING,
    "Unknown": Health.PROGRESSING,
    "Degraded": Health.FAILED,
    "Missing": Health.FAILED,
}
# Of kustomize-controller and helm-controller: the applied resources work.
_FLUX_SUCCESS = (
    "ReconciliationSucceeded",
    "InstallSucceeded",
    "UpgradeSucceeded",
    "TestSucceeded",
)
# They report new content of a source, before it is deployed.
_FLUX_SOURCES = (
    "ArtifactGenerator",
    "Bucket",
    "ExternalArtifact",
    "GitRepository",
    "HelmChart",
    "HelmRepository",
    "ImagePolicy",
    "ImageRepository",
    "ImageUpdateAutomation",
    "OCIRepository",
)
_SERVICE = re.compile(r"dev\.cdevents\.service\.(deployed|upgraded|rolledback)\.")


def read_report(
    body: object, given: Mapping[str, str], now: datetime, *, needs_time: bool = False
) -> Report | None:
    """
    Read the report in the decoded JSON `body` of the request.

    `given` are the parameters `env` and `target` of the address, which come first. None for events
    that say nothing about health; UsageError for content that is none of the known formats. A
    report without a time is from `now`, and an error with `needs_time`.
    """
    node, default = Node(body), None if needs_time else now
    event = node["data"] if node["data"]["context"] else node
    if event["context"]["type"].text:
        found = _cdevent(event, default)
    elif node["involvedObject"]:
        found = _flux(node, default)
    else:
        found = _own(sent(DeploymentReport), default)
    if found is None:
        return None
    target, digests, health, at, environment = found
    name = given.get("target", target)
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{printable(name)[:80]}' is not a target: name the cluster with up to 128 letters, "
            "digits and the characters . / @ : _ -"
        )
    if not digests:
        raise UsageError("The report names no digest: send 'digest', or 'images' with digests")
    if at > now + CLOCK_SKEW:
        raise UsageError(f"The report is from the future ({at:%Y-%m-%d %H:%M:%S} UTC)")
    return Report(name, digests, health, at, given.get("env") or environment)


_Found = tuple[str, tuple[Digest, ...], Health, datetime, str]


def _own(body: DeploymentReport, default: datetime | None) -> _Found:
    digests = _digests([body.digest or "", *body.images])
    at = _time(body.at, default)
    return body.target, digests, _HEALTH[body.health], at, body.environment or ""


def _flux(node: Node, default: datetime | None) -> _Found | None:
    """https://fluxcd.io/flux/components/notification/events/"""
    about, metadata = node["involvedObject"], node["metadata"]
    if about["kind"].text in _FLUX_SOURCES:
        return None
    parts = (about["namespace"].text, about["name"].text)
    cluster = metadata["cluster"].text or "/".join(part for part in parts if part)
    texts = [metadata["digest"].text or "", metadata["revision"].text or ""]
    values = metadata.value.values() if isinstance(metadata.value, dict) else ()
    texts += [value for value in values if isinstance(value, str)]
    health = Health.PROGRESSING
    if node["severity"].text == "error":
        health = Health.FAILED
    elif node["reason"].text in _FLUX_SUCCESS:
        health = Health.HEALTHY
    at = _time(node["timestamp"].text, default)
    return cluster, _digests(texts), health, at, metadata["env"].text or ""


def _cdevent(node: Node, default: datetime | None) -> _Found | None:
    context, subject = node["context"], node["subject"]
    if not _SERVICE.match(context["type"].text or ""):
        return None
    content = subject["content"]
    artifact = content["artifactId"].text or ""
    try:
        version = Purl.parse(artifact).version
    except ValueError:
        version = artifact
    target = subject["source"].text or context["source"].text or ""
    environment = content["environment"]["id"].text or ""
    at = _time(context["timestamp"].text, default)
    return target, _digests([version]), Health.HEALTHY, at, environment


def _digests(texts: Iterable[str]) -> tuple[Digest, ...]:
    found = dict.fromkeys(name for text in texts for name in _DIGEST.findall(text))
    return tuple(map(Digest, [*found][:_MOST_DIGESTS]))


def _time(text: str | None, default: datetime | None) -> datetime:
    """The time of an event; `default` for one without a time, and an error without a default."""
    if not text:
        if default is None:
            raise UsageError(
                "The signed report has no time, so it could be repeated: send 'at' in the body "
                "('timestamp' in events)"
            )
        return default
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"'{printable(text)[:40]}' is not a time like 2026-09-01T12:00:00Z"
        ) from error
