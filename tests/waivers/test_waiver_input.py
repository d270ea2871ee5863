"""Waivers as typed, package URLs, and the findings that a waiver covers."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.checks.waivers import number_of_waivers, waivers_in_force
from engine.domain.artifact import Version
from engine.domain.errors import ConflictError, UsageError
from engine.domain.plan import Effect
from engine.domain.purl import Purl
from engine.domain.request import PromotionRequest, WaiveRequest
from engine.domain.state import EnvironmentState
from engine.domain.waiver import MAX_WAIVERS, Waiver, WaiverTerms, waiver_key
from engine.domain.waiver_parsing import parse_until, parse_unwaive_request, parse_waive_request
from tests.checks.contexts import ALICE, TRACE, entry, judge
from tests.domain.records import a_promotion
from tests.scenarios.engines import DEFAULT_PATH

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2026-12-24", "2026-12-24T23:59:59+00:00"),
        ("2026-12-24[Europe/Berlin]", "2026-12-24T22:59:59+00:00"),
        ("2026-12-24T18:00", "2026-12-24T18:00:00+00:00"),
        ("2026-12-24T18:00Z", "2026-12-24T18:00:00+00:00"),
        ("2026-12-24T18:00:30+01:00", "2026-12-24T17:00:30+00:00"),
        ("2026-12-24T18:00[Europe/Berlin]", "2026-12-24T17:00:00+00:00"),
        (" 2026-07-01T18:00[America/New_York] ", "2026-07-01T22:00:00+00:00"),
        # The first 02:30 of the two in the night in which summer time ends.
        ("2026-10-25T02:30[Europe/Berlin]", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_end_is_read_in_its_zone(text, end):
    assert parse_until(text).isoformat() == end


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-13-01",
        "2026-12-24T25:00",
        "2026-12-24T18:00[Mars/Base]",
        "2026-12-24T18:00[../../etc/passwd]",
        "2026-12-24T18:00Z[Europe/Berlin]",
        "0001-01-01T00:00[Asia/Tokyo]",
        "2026-12-24T18:00[",
    ],
)
def test_other_ends_are_refused_with_examples(text):
    with pytest.raises(UsageError, match="is not the end of a waiver: write 2026-12-24"):
        parse_until(text)


def asked(vulnerability: str = "CVE-2026-1", package: str | None = None) -> WaiveRequest:
    return parse_waive_request(
        DEFAULT_PATH, "prod", ALICE, TRACE, vulnerability, package, "2026-12-24", "why"
    )


@pytest.mark.parametrize("text", ["", "x", "CVE 2026", "CVE-2026-1\n", "-v", "a" * 129, "CVE…"])
def test_other_ids_are_refused(text):
    with pytest.raises(UsageError, match="is not the ID of a vulnerability"):
        asked(text)


@pytest.mark.parametrize(
    "text", ["", "pkg:", "pkg:npm", "two words", "a\nb", "a" * 257, "pkg:npm/" + "a" * 257]
)
def test_other_packages_are_refused(text):
    with pytest.raises(UsageError, match="is not a package"):
        asked(package=text)


@pytest.mark.parametrize(
    "text",
    [
        "pkg:npm/lodash@",
        "pkg:npm/lodash@/",
        "pkg:npm/lodash@#lib",
        "pkg:npm/lodash@?arch=x",
        "pkg:deb/debian/openssl@3?arch=",
        "pkg:deb/debian/openssl@3?arch=&distro=12",
    ],
)
def test_unset_variable_does_not_widen_the_package(text):
    with pytest.raises(UsageError, match="has an empty version or qualifier"):
        asked(package=text)


def ended(vulnerability: str, package: str | None = None) -> str:
    request = parse_unwaive_request(
        DEFAULT_PATH, "prod", ALICE, TRACE, vulnerability, package, "why"
    )
    return waiver_key(request.vulnerability, request.package)


@pytest.mark.parametrize(
    ("texts", "one"),
    [
        (["CVE-2026-1", "cve-2026-1", "Cve-2026-1"], "CVE-2026-1"),
        (["GHSA-jfh8-c2jp-5v3q", "ghsa-JFH8-c2jp-5v3q"], "GHSA-jfh8-c2jp-5v3q"),
        (["rustsec-2021-0001", "RUSTSEC-2021-0001"], "RUSTSEC-2021-0001"),
    ],
)
def test_ids_are_written_in_one_way(texts, one):
    assert {asked(text).terms.key for text in texts} | {*map(ended, texts)} == {one}


@pytest.mark.parametrize(
    ("texts", "one"),
    [
        (["pkg:npm/lodash", "PKG:NPM/lodash", "pkg:npm/lodash/", "pkg:npm/lodash#lib"], None),
        (["pkg:npm/%40acme/ui@1.0", "pkg:npm/@acme/ui@1.0"], "pkg:npm/%40acme/ui@1.0"),
        (["pkg:pypi/django-rest", "pkg:pypi/Django_Rest"], "pkg:pypi/django-rest"),
        (["pkg:deb/a/b@1:2+c~d", "pkg:deb/a/b@1%3A2%2Bc%7Ed"], "pkg:deb/a/b@1:2+c~d"),
        (["pkg:rpm/a/b?arch=x&distro=el9", "pkg:rpm/A/b?distro=el9&Arch=x"], None),
    ],
)
def test_package_urls_are_written_in_one_way(texts, one):
    keys = {asked(package=text).terms.key for text in texts}

    assert keys == {ended("CVE-2026-1", text) for text in texts}
    assert keys == {f"CVE-2026-1 in {one or texts[0]}"}


@pytest.mark.parametrize(
    ("package", "purl", "covered"),
    [
        (None, None, True),
        ("lodash", None, True),
        ("lodash", "pkg:npm/lodash@4.17.20", True),
        ("underscore", "pkg:npm/lodash@4.17.20", False),
        ("pkg:npm/lodash", "pkg:npm/lodash@4.17.20", True),
        ("pkg:npm/lodash@4.17.20", "pkg:npm/lodash@4.17.20", True),
        ("pkg:npm/lodash@4.17.21", "pkg:npm/lodash@4.17.20", False),
        ("pkg:npm/lodash", None, False),
        ("pkg:npm/lodash", "lodash", False),
        ("pkg:pypi/lodash", "pkg:npm/lodash@4.17.20", False),
        ("PKG:NPM/lodash", "pkg:npm/lodash@4.17.20", True),
        ("pkg:npm/%40acme/ui", "pkg:npm/@acme/ui@1.0.0", True),
        ("pkg:pypi/Django_Rest", "pkg:pypi/django-rest@3", True),
        ("pkg:deb/debian/openssl", "pkg:deb/debian/openssl@3.0?arch=amd64&distro=12", True),
        ("pkg:deb/debian/openssl?arch=arm64", "pkg:deb/debian/openssl@3.0?arch=amd64", False),
        ("pkg:deb/ubuntu/openssl", "pkg:deb/debian/openssl@3.0", False),
        ("pkg:golang/github.com/a/b@v1#x", "pkg:golang/github.com/a/b@v1", True),
    ],
)
def test_waiver_covers_its_package_only(package, purl, covered):
    terms = asked(package=package).terms

    assert terms.covers(("CVE-2026-1",), "lodash", purl) is covered


def test_waiver_covers_aliases_without_regard_to_case():
    terms = asked("GHSA-JFH8-c2jp-5v3q").terms

    assert terms.covers(("CVE-2026-1", "ghsa-jfh8-c2jp-5v3q"), "lodash", None)
    assert not terms.covers(("CVE-2026-1",), "lodash", None)


def test_scoped_npm_package_has_its_scope_as_namespace():
    assert Purl.parse("pkg:npm/@acme/ui") == Purl("npm", "ui", "@acme")
    assert Purl.parse("pkg:oci/app@sha256:ab") == Purl("oci", "app", version="sha256:ab")


def waiver(n: int, package: str | None = None) -> Waiver:
    fields = {"operator": "a", "reason": "b", "record": "c", "until": NOON + timedelta(days=9)}
    return Waiver.model_validate(fields | {"vulnerability": f"CVE-2026-{n}", "package": package})


def test_number_of_waivers_is_limited():
    held = (waiver(0, "pkg:npm/a?b=c"), *map(waiver, range(1, MAX_WAIVERS)))
    head = entry(a_promotion(), state=EnvironmentState(waivers=held))

    def judged(vulnerability: str) -> list[object]:
        terms = WaiverTerms(vulnerability=vulnerability, until=held[0].until)
        request = WaiveRequest(terms, "prod", ALICE, TRACE, "why")
        return list(judge(number_of_waivers, request, target_head=head))

    assert judged("CVE-2026-3") == []
    [found] = judged("CVE-2025-1")
    assert found.error is ConflictError
    assert f"prod has {MAX_WAIVERS} waivers" in found.reason
    assert "unwaive CVE-2026-0 --package 'pkg:npm/a?b=c' --env prod" in found.reason


@pytest.mark.parametrize("key", ["CVE-2026-1", "CVE-2026-1 in pkg:npm/a@1"])
def test_suggested_waiver_is_no_broader_than_the_one_that_ended(key):
    request = PromotionRequest(Version("v1.2.3"), "staging", "prod", ALICE, TRACE, waived=(key,))
    head = entry(a_promotion(), state=EnvironmentState())

    [found] = judge(waivers_in_force, request, target_head=head, effect=Effect.CHANGE)

    words = key.replace(" in ", " --package ")
    assert f"floe platform waive {words} --env prod --until" in found.reason
