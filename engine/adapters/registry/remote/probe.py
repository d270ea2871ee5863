"""Single requests that show which parts of the distribution specification a registry has."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

import httpx

from engine.adapters.registry.remote.errors import expect, refusal
from engine.adapters.registry.remote.messages import Answer, Call, Deadline
from engine.adapters.registry.remote.referrers import ReferrersApi
from engine.adapters.registry.remote.session import Session
from engine.adapters.registry.remote.tags import MAX_TAGS_BYTES, REFUSED_SIZES, tags_of
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import RegistryError
from engine.domain.manifest import MAX_MANIFEST_BYTES, MEDIA_TYPES, Manifest

_ACCEPT = {"Accept": ", ".join(MEDIA_TYPES)}
_DELETED = frozenset({200, 202, 204, 404})
_STORED = frozenset({200, 201, 202})


@dataclass(frozen=True, slots=True)
class Greeting:
    """
    An answer to `GET /v2/`: the seconds it took, and how far the registry's clock is ahead.

    `ahead` is None if the answer has no date. Dates have whole seconds.
    """

    seconds: float
    ahead: float | None


@dataclass(frozen=True, slots=True)
class RegistryProbe:
    """Probes one repository at `url` of the registry at `base`; each call ends in `seconds`."""

    session: Session
    base: str
    url: str
    seconds: float

    def greet(self) -> Greeting:
        """Ask for the API, with credentials if the registry asks for them."""
        before = datetime.now(UTC)
        answer = expect(self._send(Call("GET", self.base)), httpx.codes.OK)
        after = datetime.now(UTC)
        try:
            there = parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
        except ValueError:
            return Greeting((after - before).total_seconds(), None)
        return Greeting((after - before).total_seconds(), _distance(there, before, after))

    def page(self, size: int) -> tuple[tuple[Tag, ...], bool] | None:
        """The tags on the first page of `size`, and whether there are more; None if refused."""
        call = Call("GET", f"{self.url}/tags/list?n={size}", limit=MAX_TAGS_BYTES)
        answer = self._send(call)
        if answer.status == httpx.codes.NOT_FOUND:
            return (), False
        if answer.status in REFUSED_SIZES:
            return None
        return tags_of(expect(answer, httpx.codes.OK)), answer.next_page is not None

    def has_referrers_api(self, subject: Digest) -> bool | None:
        """Whether the referrers API exists; None while the repository does not."""
        api = ReferrersApi(self.session, self.url)
        api.list(subject, None, Deadline(self.seconds))
        return api.works

    def revalidates(self, tag: Tag) -> bool:
        """Whether the registry answers 304 for a manifest that did not change (RFC 9110)."""
        call = Call("GET", f"{self.url}/manifests/{tag}", _ACCEPT, limit=MAX_MANIFEST_BYTES)
        known = expect(self._send(call), httpx.codes.OK).headers
        etag = known.get("ETag") or f'"{known.get("Docker-Content-Digest", "")}"'
        again = Call(call.method, call.url, {**_ACCEPT, "If-None-Match": etag}, limit=call.limit)
        return self._send(again).status == httpx.codes.NOT_MODIFIED

    def put(
        self, manifest: Manifest, reference: Tag | Digest, more: Mapping[str, str] | None = None
    ) -> Answer:
        """Store `manifest` with `more` headers, and return the answer with any status."""
        headers = {"Content-Type": manifest.media_type, **(more or {})}
        return self._send(
            Call("PUT", f"{self.url}/manifests/{reference}", headers, manifest.content)
        )

    def acknowledges(self, manifest: Manifest) -> bool:
        """Store `manifest`, which has a subject, and say whether the registry noticed it."""
        answer = self.put(manifest, manifest.digest)
        if answer.status not in _STORED:
            raise refusal(answer)
        return "OCI-Subject" in answer.headers

    def refuses_overwriting(self, manifest: Manifest, tag: Tag) -> bool:
        """Whether `If-None-Match: *` protects the existing `tag`; otherwise it is moved."""
        answer = self.put(manifest, tag, {"If-None-Match": "*"})
        return answer.status == httpx.codes.PRECONDITION_FAILED

    def mounts(self, digest: str, repository: str) -> bool:
        """Whether a blob of `repository` can be mounted; otherwise the upload is cancelled."""
        query = urlencode({"mount": digest, "from": repository})
        answer = self._send(Call("POST", f"{self.url}/blobs/uploads/?{query}", content=b""))
        if answer.status == httpx.codes.CREATED:
            return True
        location = expect(answer, httpx.codes.ACCEPTED).location
        if location is not None:
            self._delete(location)
        return False

    def delete_manifest(self, digest: Digest) -> bool:
        """Delete a manifest with all its tags; False if the registry keeps it."""
        return self._delete(f"{self.url}/manifests/{digest}")

    def delete_blob(self, digest: str) -> bool:
        """Delete a blob; False if the registry keeps it."""
        return self._delete(f"{self.url}/blobs/{digest}")

    def _delete(self, url: str) -> bool:
        try:
            return self._send(Call("DELETE", url)).status in _DELETED
        except RegistryError:
            return False

    def _send(self, call: Call) -> Answer:
        return self.session.send(call, Deadline(self.seconds))


def _distance(there: datetime, before: datetime, after: datetime) -> float:
    """The seconds by which `there`, cut to its second, differs from the time between both."""
    if there > after:
        return (there - after).total_seconds()
    latest = there.timestamp() + 1
    return min(latest - before.timestamp(), 0.0)
