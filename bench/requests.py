"""Every request of one promotion, with its wave and its purpose."""

import re
from collections.abc import Iterator

from bench.platform import REPOSITORY, opened, promoted, registry_host
from bench.proxy import Asked, Count, counting
from bench.rows import Row
from tests.builders import image
from tests.peers import raw

PATH = ("dev", "staging", "prod")
_BACK = "read back"
# The purpose of each request; the second request of the same kind is a read-back.
_PURPOSES = (
    ("POST blobs/uploads/", "opens an upload for the record, in parallel with the reads"),
    ("PUT blobs/uploads/.*", "the whole record"),
    ("GET manifests/v[^/]*", "the artifact, by its source tag: bytes and digest"),
    ("HEAD manifests/v[^/]*", "shows whether the version's tag in the target exists"),
    ("PUT manifests/v[^/]*", "the version's tag in the target, which never moves again"),
    ("GET manifests/floe-head.{target}", "the target's newest entry: lock, version, chain"),
    ("GET manifests/floe-head.*", "the source's newest entry: shows its promotions"),
    (r"GET manifests/floe-ledger.*\.\d+", "shows whether a newer entry exists"),
    ("GET tags/list", "shows whether an environment without a head tag has entries"),
    (r"PUT manifests/floe-ledger.*\.\d+", "the record under its number: the commit"),
    ("PUT manifests/floe-head.*", "the hint at the newest entry"),
    (r"HEAD manifests/floe-(ledger|head).*", "read back before `latest` moves"),
    ("GET manifests/sha256:.*", "an earlier entry, to which the record links"),
    ("GET manifests/sha256-.*", "the present referrers of the artifact"),
    ("PUT manifests/sha256-.*", "adds the record to the list of referrers"),
    ("GET referrers/.*", "shows whether the registry itself lists the record"),
    ("PUT manifests/latest-.*", "the tag that deployments follow"),
    ("HEAD manifests/latest-.*", _BACK),
)


def rows() -> Iterator[Row]:
    with registry_host() as (host, folder):
        for version in ("v0.9.0", "v1.0.0"):
            raw.push(host, REPOSITORY, image(version.encode(), b"two", b"three"), version)
        with opened(host) as registry:
            for target in PATH:
                promoted(registry, folder, "v0.9.0", target)
        for target in PATH:
            with counting(host) as (proxied, count), opened(proxied) as registry:
                promoted(registry, folder, "v1.0.0", target)
            yield from counted(f"promote to {target}", count)
        yield from _explained(count.asked, PATH[-1])


def counted(name: str, count: Count) -> Iterator[Row]:
    yield Row(f"{name}, requests", count.requests)
    yield Row(f"{name}, waves", count.waves)


def _explained(asked: list[Asked], target: str) -> Iterator[Row]:
    seen: set[str] = set()
    for each in sorted(asked, key=lambda request: request.wave):
        path = each.path.partition("?")[0].removeprefix(f"/v2/{REPOSITORY}/")
        request = f"{each.method} {path}"
        said = _BACK if request in seen else _purpose(request, target)
        seen.add(request)
        yield Row(f"`{_short(request)}`: {said}", each.wave, "(wave)")


def _purpose(request: str, target: str) -> str:
    for pattern, purpose in _PURPOSES:
        if re.fullmatch(pattern.replace("{target}", target), request):
            return purpose
    raise ValueError(f"unknown request {request}: add its purpose to _PURPOSES")


def _short(request: str) -> str:
    """Shorten digests and session names."""
    return re.sub(r"([0-9a-f]{6})[0-9a-f-]{20,}", r"\1…", request)
