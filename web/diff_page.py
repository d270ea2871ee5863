"""The page that compares two versions."""

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from engine.domain.artifact import Digest, Version
from engine.domain.errors import UsageError
from engine.domain.impact.commits import REVISION
from engine.domain.impact.delta import Release
from engine.domain.manifest import ManifestView
from engine.domain.parsing import parse_version
from engine.domain.scan import findings_of
from engine.domain.selection import Selection
from web.concurrency_limit import limit_concurrency
from web.page_blueprint import admit
from web.site import Site, the_site

# Promotions of a version that are searched for a scan.
_PROMOTIONS = 20

diffs = Blueprint("diff", __name__)
diffs.before_request(admit)


@dataclass(frozen=True)
class Side:
    """One of the two artifacts. `size` is in bytes, `live` has the environments that run it."""

    release: Release
    size: int | None
    revision: str | None
    live: tuple[str, ...]


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
    with limit_concurrency("reading"):
        site.records.refresh()
        old, new = _side(site, before), _side(site, after)
        digests = str(old.release.digest), str(new.release.digest)
        same = old.release.digest == new.release.digest
        return render_template(
            "diff.html",
            old=old,
            new=new,
            content=None if same else site.compare(*digests),
            delta=None if same else site.compare_releases(old.release, new.release),
            now=site.platform.engine.now(),
        )


def _side(site: Site, text: str) -> Side:
    """Find the artifact of a version; UsageError for other text."""
    version = parse_version(text)
    _, manifest = site.platform.engine.artifact(version)
    try:
        view = manifest.view
    except ValueError:
        view = ManifestView(schema_version=2)
    return Side(
        release=Release(str(version), manifest.digest, _findings(site, version, manifest.digest)),
        size=None if view.layers is None else sum(layer.size for layer in view.layers),
        revision=view.annotations.get(REVISION),
        live=tuple(r.name for r in site.board.look().rows if r.latest == manifest.digest),
    )


def _findings(site: Site, version: Version, digest: Digest) -> str | None:
    """Return the digest of the newest kept scan of an artifact."""
    promotions = Selection(version=version, kind="promotion")
    for kept in site.records.store.page(promotions, _PROMOTIONS):
        findings = findings_of(kept.record)
        if findings is not None and kept.record.subject_digest == str(digest):
            return findings
    return None
