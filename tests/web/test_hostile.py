"""Text from people and tools is shown as text, and browsers run nothing else."""

from pathlib import Path

import pytest

from tests.builders import image
from tests.web.stage import BOB, Stage, person, signed_in, stage_in

SCRIPT = "<script>alert(1)</script>"
QUOTED = '"><img src=x onerror=alert(1)>'
TURNED = "safe \u202etxt.exe\u200b \x1b[2J"


@pytest.fixture
def poisoned(tmp_path: Path) -> Stage:
    """Scripts in every free text: reasons, outputs, annotations, names of layers."""
    tests = "printf '<script>alert(2)</script> \\\\033[31mred\\\\033[0m \\\\033[2J\\\\n'"
    with stage_in(tmp_path, "auth: {mode: proxy}", tests=tests) as stage:
        title = {"org.opencontainers.image.title": SCRIPT}
        for number, version in enumerate(("v1.0.0", "v1.1.0")):
            stage.publish(
                version,
                artifact=image(
                    b'{"<script>": %d}' % number,
                    layer_type="application/json",
                    annotations={SCRIPT: QUOTED + str(number), **title},
                ),
            )
            stage.ask(version, "staging")
            change = stage.ask(version, "prod")
            if number == 0:
                stage.platform.changes.approve(change.id, person(stage.platform, BOB), "cli")
                stage.settle(change.id)
        stage.lock("prod", f"{SCRIPT} {QUOTED} {TURNED}")
        stage.roll_back("v1.0.0", "staging", f"{SCRIPT}{TURNED}")
        yield stage


PAGES = ["/", "/history", "/changes", "/audit", "/environments/prod", "/environments/staging"]


def pages(stage: Stage) -> list[str]:
    changes = [f"/changes/{change.id}" for change in stage.platform.store.recent(9)]
    return [stage.get(path, BOB) for path in (*PAGES, *changes)]


def test_scripts_are_shown_and_never_run(poisoned: Stage) -> None:
    found = pages(poisoned)

    for page in found:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert any("&lt;script&gt;alert(2)" in page for page in found)
    assert any("&lt;script&gt;alert(1)" in page for page in found)


def test_bidi_character_does_not_affect_surrounding_text(poisoned: Stage) -> None:
    for page in pages(poisoned):
        assert not {"\u202e", "\u200b", "\x1b"} & set(page)
    assert "\\u202etxt.exe" in poisoned.get("/environments/prod", BOB)


def test_name_with_markup_is_rejected(poisoned: Stage) -> None:
    page = poisoned.client.get("/", headers=signed_in("<b>eve</b>"))

    assert page.status_code == 303


@pytest.mark.parametrize(
    "path",
    [
        f"/changes/{SCRIPT}",
        f"/environments/{SCRIPT}",
        f"/history?operator={SCRIPT}",
        f"/history?version={SCRIPT}",
        f"/sign-in?next={SCRIPT}",
        f"/{SCRIPT}",
    ],
)
def test_address_is_shown_as_text(behind_proxy: Stage, path: str) -> None:
    answer = behind_proxy.client.get(path, headers=signed_in(BOB))

    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../etc/passwd",
        "/static/..%2f..%2fetc%2fpasswd",
        "/changes/..%2f..%2fhealthz",
        "/environments/../../manifest.yaml",
        "/changes/%00",
    ],
)
def test_path_traversal_is_rejected(stage: Stage, path: str) -> None:
    answer = stage.client.get(path)

    assert answer.status_code in (404, 308)
    assert "root:" not in answer.text
    assert "apiVersion" not in answer.text


@pytest.mark.parametrize("path", ["/", "/nowhere", "/api/v1/status", "/static/floe.css", "/events"])
def test_security_headers_restrict_the_browser(stage: Stage, path: str) -> None:
    answer = stage.client.get(path, buffered=False)

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    answer.close()


def test_pages_have_no_inline_scripts_or_styles(poisoned: Stage) -> None:
    for page in pages(poisoned):
        assert " style=" not in page
        assert " onclick" not in page
        assert "<style" not in page
        assert page.count("<script") == page.count('<script src="/static/')


def test_foreign_host_name_is_refused_on_loopback(stage: Stage) -> None:
    answer = stage.client.get("/", headers={"Host": "rebound.example"})

    assert answer.status_code == 400
    assert "v1" not in answer.text
