"""The page that compares two versions."""

from collections.abc import Sequence
from functools import partial

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from engine.domain.artifact import Digest, Version
from engine.domain.errors import UsageError
from engine.domain.impact.comparison import Comparison
from engine.domain.parsing import parse_version
from engine.domain.scan import findings_of
from engine.domain.selection import Selection
from engine.domain.status import EnvironmentStatus
from web.concurrency_limit import limit_concurrency
from web.page_blueprint import admit
from web.site import Site, the_site

# Promotions of a version that are searched for a scan.
_PROMOTIONS = 20

diffs = Blueprint("diff", __name__)
diffs.before_request(admit)


@diffs.get("/diff")
def choose() -> AnyResponse | str:
    """Show the form, or redirect from it to the stable address of the comparison."""
    before, after = (request.args.get(name, "").strip() for name in ("from", "to"))
    if not before and not after:
        return render_template("compare.html")
    if not before or not after:
        raise UsageError("Name two versions to compare, like v1.2.0 and v1.3.0")
    for text in (before, after):
        parse_version(text)
    return redirect(url_for("diff.show", before=before, after=after), 303)


@diffs.get("/diff/<before>..<after>")
def show(before: str, after: str) -> str:
    site = the_site()
    found = compare_versions(
        site, parse_version(before), parse_version(after), site.board.look().rows
    )
    return render_template(
        "diff.html",
        old=found.before,
        new=found.after,
        content=found.content,
        delta=found.delta,
        now=site.platform.engine.now(),
    )


def compare_versions(
    site: Site, before: Version, after: Version, rows: Sequence[EnvironmentStatus]
) -> Comparison:
    """Compare two versions, with the scans that the copy of the ledgers names."""
    with limit_concurrency("reading"):
        site.records.refresh()
        comparer = site.platform.engine.comparer
        return comparer.versions(before, after, rows, partial(_find_scan, site))


def _find_scan(site: Site, version: Version, digest: Digest) -> str | None:
    """Return the digest of the newest kept scan of an artifact."""
    promotions = Selection(version=version, kind="promotion")
    for kept in site.records.store.page(promotions, _PROMOTIONS):
        findings = findings_of(kept.record)
        if findings is not None and kept.record.subject_digest == str(digest):
            return findings
    return None
