"""The differences between the running version and the one that comes."""

import json

import pytest

from engine.domain.gate import SecurityRules, Severity
from engine.domain.impact.commits import REVISION, SOURCE, compare_url
from engine.domain.impact.delta import compare_findings, compare_packages, find_worse
from engine.domain.impact.packages import read_packages
from engine.domain.scan import ScanFinding, ScanFindings

NPM, MAVEN = "pkg:npm/lodash", "pkg:maven/g/a@1"


def finding(
    id: str = "CVE-1",
    package: str = "lodash",
    version: str = "1",
    *aliases: str,
    severity: Severity = Severity.HIGH,
    purl: str | None = None,
) -> ScanFinding:
    return ScanFinding(id, package, version, frozenset({severity}), True, aliases, purl)


def counts(running: list[ScanFinding], coming: list[ScanFinding]) -> tuple[int, int, int]:
    found = compare_findings(ScanFindings(tuple(running)), ScanFindings(tuple(coming)))
    assert found is not None
    return found.new_count, found.fixed_count, found.unchanged_count


@pytest.mark.parametrize(
    ("before", "after", "new_fixed_unchanged"),
    [
        (finding(), finding(), (0, 0, 1)),
        (finding(version="1"), finding(version="2"), (0, 0, 1)),
        (finding("CVE-1"), finding("CVE-2"), (1, 1, 0)),
        (finding(package="a"), finding(package="b"), (1, 1, 0)),
        # Trivy says CVE, Grype says GHSA.
        (finding("CVE-1"), finding("GHSA-1", "lodash", "1", "CVE-1"), (0, 0, 1)),
        (finding("CVE-1", "lodash", "1", "GHSA-1"), finding("GHSA-1"), (0, 0, 1)),
        (finding(purl=f"{NPM}@1"), finding(purl=f"{NPM}@2?x=y"), (0, 0, 1)),
        # Maven packages have other names in other scanners; the package URL is the same.
        (finding(package="g:a", purl=MAVEN), finding(package="a", purl=MAVEN), (0, 0, 1)),
        (finding(purl=f"{NPM}@1"), finding(purl="pkg:deb/debian/lodash@1"), (1, 1, 0)),
        (finding(purl="pkg:pypi/Foo_bar@1"), finding(purl="pkg:pypi/foo-bar@2"), (0, 0, 1)),
        (finding(purl="pkg:npm/%40babel/core@1"), finding(purl="pkg:npm/@babel/core@1"), (0, 0, 1)),
        (finding(purl=f"{NPM}@1"), finding(), (0, 0, 1)),
        (finding(), finding(purl=f"{NPM}@1"), (0, 0, 1)),
    ],
)  # fmt: skip
def test_vulnerabilities_are_matched_by_ids_and_package(
    before: ScanFinding, after: ScanFinding, new_fixed_unchanged: tuple[int, int, int]
) -> None:
    assert counts([before], [after]) == new_fixed_unchanged


def test_comparison_with_too_many_findings_is_unknown() -> None:
    cut, whole = ScanFindings((), truncated=True), ScanFindings((finding(),))

    assert compare_findings(cut, whole) is None
    assert compare_findings(whole, cut) is None


def test_at_most_a_hundred_are_listed_and_all_are_counted() -> None:
    many = [finding(f"CVE-{n}") for n in range(150)]

    found = compare_findings(ScanFindings(()), ScanFindings(tuple(many)))

    assert found is not None
    assert (found.new_count, len(found.new)) == (150, 100)


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ([], [finding()], ["CVE-1"]),
        ([finding()], [finding()], []),
        ([], [finding(severity=Severity.LOW)], []),
        ([finding(severity=Severity.LOW)], [finding()], []),
    ],
)
def test_worse_is_a_blocking_finding_that_the_running_version_lacks(
    before: list[ScanFinding], after: list[ScanFinding], worse: list[str]
) -> None:
    found = find_worse(ScanFindings(tuple(before)), ScanFindings(tuple(after)), SecurityRules())

    assert [each.id for each in found] == worse


A, B = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("https://github.com/acme/shop", f"https://github.com/acme/shop/compare/{A}...{B}"),
        ("https://github.com/acme/shop.git", f"https://github.com/acme/shop/compare/{A}...{B}"),
        ("https://GitHub.com/acme/shop/", f"https://github.com/acme/shop/compare/{A}...{B}"),
        ("https://gitlab.com/acme/sub/shop", f"https://gitlab.com/acme/sub/shop/-/compare/{A}...{B}"),
        ("https://gitlab.acme.com:8443/a/b", f"https://gitlab.acme.com:8443/a/b/-/compare/{A}...{B}"),
        ("https://bitbucket.org/acme/shop", f"https://bitbucket.org/acme/shop/branches/compare/{B}..{A}"),
        ("https://gitea.acme.com/a/b", f"https://gitea.acme.com/a/b/compare/{A}...{B}"),
        ("https://codeberg.org/a/b", f"https://codeberg.org/a/b/compare/{A}...{B}"),
        ("http://github.com/acme/shop", None),
        ("git@github.com:acme/shop.git", None),
        ("https://user:pw@github.com/acme/shop", None),
        ("https://github.com/acme", None),
        ("https://github.com/acme/../x", None),
        ("https://github.com/acme/shop|<!channel>", None),
        ("https://github.com\\@evil.com/acme/shop", None),
        ("https://[github.com/acme/shop", None),
        ("javascript://github.com/a/b", None),
        ("https://code.acme.com/a/b", None),
        ("", None),
    ],
)  # fmt: skip
def test_commits_are_compared_where_the_source_is_hosted(source: str, url: str | None) -> None:
    running, coming = {SOURCE: source, REVISION: A}, {SOURCE: source, REVISION: B}

    assert compare_url(running, coming) == url


@pytest.mark.parametrize("revision", ["", A, "a..b", "x y", "<x>", "../..", "é"])
def test_commits_need_two_plain_revisions(revision: str) -> None:
    source = "https://github.com/acme/shop"

    assert compare_url({SOURCE: source, REVISION: A}, {SOURCE: source, REVISION: revision}) is None


def test_commits_need_one_repository() -> None:
    running = {SOURCE: "https://github.com/acme/shop", REVISION: A}

    assert compare_url(running, {SOURCE: "https://github.com/acme/x", REVISION: B}) is None


def cyclonedx(*components: object) -> bytes:
    return json.dumps({"bomFormat": "CycloneDX", "components": components}).encode()


SPDX = {
    "spdxVersion": "SPDX-2.3",
    "documentDescribes": ["SPDXRef-image"],
    "packages": [
        {"SPDXID": "SPDXRef-image", "name": "shop", "versionInfo": "sha256:1"},
        {"SPDXID": "SPDXRef-file", "name": "no version"},
        {
            "SPDXID": "SPDXRef-1",
            "name": "lodash",
            "versionInfo": "2",
            "externalRefs": [
                {"referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:x"},
                {"referenceType": "purl", "referenceLocator": f"{NPM}@2"},
            ],
        },
    ],
}


def test_packages_of_both_formats_are_compared() -> None:
    running = cyclonedx(
        {"type": "library", "name": "lodash", "version": "1", "purl": f"{NPM}@1"},
        {"type": "library", "name": "left-pad", "group": "@old", "version": "3"},
        {"type": "file", "name": "a.txt", "version": "1"},
    )

    found = compare_packages(read_packages(running), read_packages(json.dumps(SPDX).encode()))

    assert (found.added_count, found.removed_count, found.upgraded_count) == (0, 1, 1)
    assert [(each.name, each.before, each.after) for each in found.listed] == [
        ("@old/left-pad", "3", None),
        (NPM, "1", "2"),
    ]


def test_nested_components_and_several_versions_count() -> None:
    inner = {"name": "b", "version": "2"}
    outer = {"name": "a", "version": "1", "components": [inner, {"name": "b", "version": "1"}]}

    assert read_packages(cyclonedx(outer)) == {"a": {"1"}, "b": {"1", "2"}}


@pytest.mark.parametrize(
    "components",
    [[{}] * 50_001, [{"components": [{}] * 26_000}] * 2, [1] * 50_001],
)
def test_components_without_a_package_count_to_the_limit(components: list[object]) -> None:
    with pytest.raises(ValueError, match="more than 50000 components"):
        read_packages(cyclonedx(*components))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"spdxVersion": "SPDX-3.0"}', b"[" * 100_000]
)
def test_another_document_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        read_packages(content)
