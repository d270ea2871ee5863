"""The documents of docs/hand-off.md ask a real server, and read fields that it answers."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from werkzeug.test import TestResponse

from tests.builders import image
from tests.docs.pages import ROOT, blocks
from tests.web.stage import Stage, stage_in

SECRET = "s3cret"
PAGE = ROOT / "docs" / "hand-off.md"
DIGEST = str(image(b"v1.0.0").manifest.digest)
# Each system has a form of its own for values: {{ digest }}, ${{ … }}, {{ index … }}.
_VALUE = re.compile(r"\$?\{\{.*?\}\}")
_READ = re.compile(r"(?:verdict|result|response\.body|Response\.Body)\.(\w+)")
KINDS = ("ClusterPolicy", "AnalysisTemplate", "Stage", "WebRequestCommitStatus")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A platform with v1.0.0 in staging."""
    with stage_in(tmp_path, "deployments: {secret_env: OIDC_SECRET}", secret=SECRET) as running:
        running.publish("v1.0.0")
        running.ask("v1.0.0", "staging")
        yield running


def text(kind: str) -> str:
    [found] = [b.text for b in blocks("yaml") if b.page == PAGE and f"kind: {kind}\n" in b.text]
    return found


def address(document: str) -> str:
    """The address of the request in `document`, for the digest in prod."""
    fields = dict(_strings(yaml.safe_load(document)))
    [url] = [value for value in fields.values() if "/api/v1/verdict" in value]
    query = urlsplit(url).query or "&".join(_parameters(yaml.safe_load(document)))
    env, digest = (part.partition("=")[2] for part in query.split("&"))
    env, digest = _VALUE.sub("prod", env), _VALUE.sub(DIGEST, digest)
    return f"{urlsplit(url).path}?env={env}&digest={digest}"


@pytest.mark.parametrize("kind", KINDS)
def test_documented_request_gets_a_verdict(kind: str, stage: Stage) -> None:
    stage.site.records.refresh()

    found = stage.json(address(text(kind)))

    assert {*_READ.findall(text(kind))} <= {*found}
    assert found["digest"] == DIGEST
    assert (found["environment"], found["promoted"]) == ("prod", False)


def test_documented_notification_of_argo_is_a_report(stage: Stage) -> None:
    stage.site.records.refresh()
    found = yaml.safe_load(text("ConfigMap"))["data"]["template.floe-health"]
    template = yaml.safe_load(found)["webhook"]["floe"]
    images = json.dumps([f"acme/platform@{DIGEST}"])
    values = {
        "{{.app.metadata.name}}": "eu-1",
        "{{.app.status.health.status}}": "Degraded",
        "{{toJson .app.status.summary.images}}": images,
    }
    service = yaml.safe_load(yaml.safe_load(text("ConfigMap"))["data"]["service.webhook.floe"])
    # Argo CD puts one slash between the address and the path.
    path = f"{urlsplit(service['url']).path}/{template['path']}".replace("env=prod", "env=staging")
    body = template["body"]
    for name, value in values.items():
        body, path = body.replace(name, value), path.replace(name, value)

    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {SECRET}"}
    answer = stage.client.post(path, data=body, headers=headers)

    assert answer.json == {"accepted": ["staging"], "ignored": None}


def test_documented_provider_of_flux_is_taken(stage: Stage) -> None:
    stage.site.records.refresh()
    provider = yaml.safe_load(text("Provider"))
    address = urlsplit(provider["spec"]["address"].replace("env=prod", "env=staging"))
    event = {
        "involvedObject": {"kind": "Kustomization", "name": "platform"},
        "reason": "ReconciliationSucceeded",
        "timestamp": datetime.now(UTC).isoformat(),
        "metadata": {"revision": f"v1@{DIGEST}"},
    }

    answer = send(stage, f"{address.path}?{address.query}", json.dumps(event))

    assert answer.json == {"accepted": ["staging"], "ignored": None}


def send(stage: Stage, path: str, body: str) -> TestResponse:
    mac = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Signature": f"sha256={mac}"}
    return stage.client.post(path, data=body, headers=headers)


def test_documented_answer_has_the_fields_of_the_server(stage: Stage) -> None:
    [block] = [b for b in blocks("json") if b.page == PAGE and '"promoted"' in b.text]

    found = stage.json(f"/api/v1/verdict?env=prod&digest={DIGEST}")

    assert list(json.loads(block.text)) == list(found)


def _strings(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield from _strings(inner, f"{place}.{name}")
        case list():
            for index, inner in enumerate(value):
                yield from _strings(inner, f"{place}.{index}")
        case str():
            yield place, value


def _parameters(document: object) -> Iterator[str]:
    fields = dict(_strings(document))
    for place, name in fields.items():
        if "queryParams" in place and place.endswith(".name"):
            yield f"{name}={fields[place.removesuffix('name') + 'value']}"
