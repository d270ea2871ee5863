"""A small registry that misbehaves on demand, for failures that no real one produces."""

import hashlib
import json
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from engine.domain.manifest import IMAGE_INDEX
from tests.builders import Artifact
from tests.peers.fake_http import FakeServer, Reply, Request
from tests.peers.fake_tokens import BasicAuth, TokenAuth

_PATH = re.compile(
    r"/v2/(?P<repository>.+?)/"
    r"(?P<kind>manifests|blobs/uploads|blobs|tags|referrers)/(?P<name>[^/]*)"
)


@dataclass
class Behaviour:
    """Deviations from a normal registry.

    `immutable` is the reply to a second write of a tag that it `protects`; `corrupt` changes stored
    content; `named_digest` is the value of Docker-Content-Digest. Above `max_page` entries, or with
    any `n` where `refuses_n`, a list of tags gets `page_refusal`.
    """

    referrers_api: bool = False
    filters_referrers: bool = True
    sends_oci_subject: bool = False
    resolves_hex_tags: bool = False
    immutable: Reply | None = None
    protects: Callable[[str], bool] = lambda tag: True
    corrupt: Callable[[bytes], bytes] | None = None
    named_digest: str | None = None
    names_digest: bool = True
    page_size: int | None = None
    max_page: int | None = None
    refuses_n: bool = False
    page_refusal: Reply = field(
        default_factory=lambda: oci_error(400, "PAGINATION_NUMBER_INVALID", "invalid number")
    )
    auth: TokenAuth | BasicAuth | None = None


@dataclass
class Repository:
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def oci_error(
    status: int, code: str, message: str = "", *, detail: object = None, **headers: str
) -> Reply:
    """Return an error in OCI's format; `Retry_After="1"` becomes a header."""
    error = {"code": code, "message": message} | ({} if detail is None else {"detail": detail})
    body = json.dumps({"errors": [error]}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, body, {"Content-Type": "application/json", **named})


class FakeRegistry(FakeServer):
    """A registry as a context manager; change `behaviour` at any time."""

    def __init__(
        self, behaviour: Behaviour | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(tls)
        self.behaviour = behaviour or Behaviour()
        self.repositories: dict[str, Repository] = {}

    def repository(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository())

    def hold(self, name: str, artifact: Artifact, tag: str | None = None) -> None:
        """Store `artifact` without a request."""
        repository = self.repository(name)
        for part in artifact.whole():
            repository.blobs |= {digest_of(blob): blob for blob in part.blobs}
            manifest = part.manifest
            repository.manifests[str(manifest.digest)] = (manifest.content, manifest.media_type)
        if tag is not None:
            repository.tags[tag] = str(artifact.manifest.digest)

    def respond(self, request: Request) -> Reply:
        auth = self.behaviour.auth
        if auth is not None:
            refusal = auth.token(request) if request.path == "/token" else auth.refusal(request)
            if refusal is not None:
                return refusal
        if request.path == "/v2/":
            return Reply(200, b"{}", {"Content-Type": "application/json"})
        match = _PATH.fullmatch(request.path)
        if match is None:
            return Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})
        repository = self.repository(match["repository"])
        route = getattr(self, f"_{match['kind'].replace('/', '_')}")
        reply: Reply = route(request, repository, match["name"])
        return reply

    def _manifests(self, request: Request, repository: Repository, name: str) -> Reply:
        if request.method == "PUT":
            return self._store(request, repository, name)
        digest = repository.tags.get(name, name)
        if self.behaviour.resolves_hex_tags and digest.startswith("sha256-"):
            digest = digest.replace("-", ":", 1)
        if request.method == "DELETE":
            repository.tags = {t: d for t, d in repository.tags.items() if d != digest}
            repository.manifests.pop(digest, None)
            return Reply(202)
        content, media_type = repository.manifests.get(digest, (b"", ""))
        # Like docker-registry, answer 404 for media types the client does not accept.
        if media_type not in request.headers.get("accept", "") or not media_type:
            return oci_error(404, "MANIFEST_UNKNOWN")
        headers = {"Content-Type": media_type, **self._named(digest)}
        return Reply(200, content, headers)

    def _store(self, request: Request, repository: Repository, name: str) -> Reply:
        protected = name in repository.tags and self.behaviour.protects(name)
        if self.behaviour.immutable is not None and protected:
            return self.behaviour.immutable
        content = (self.behaviour.corrupt or bytes)(request.body)
        digest = digest_of(content)
        repository.manifests[digest] = (content, request.headers["content-type"])
        if not name.startswith("sha256:"):
            repository.tags[name] = digest
        subject = json.loads(request.body).get("subject")
        sent = self.behaviour.sends_oci_subject and subject
        return Reply(
            201,
            b"",
            {**self._named(digest), **({"OCI-Subject": subject["digest"]} if sent else {})},
        )

    def _named(self, digest: str) -> dict[str, str]:
        if not self.behaviour.names_digest:
            return {}
        return {"Docker-Content-Digest": self.behaviour.named_digest or digest}

    def _blobs(self, request: Request, repository: Repository, name: str) -> Reply:
        if name not in repository.blobs:
            return oci_error(404, "BLOB_UNKNOWN")
        return Reply(200, repository.blobs[name], {"Content-Type": "application/octet-stream"})

    def _blobs_uploads(self, request: Request, repository: Repository, name: str) -> Reply:
        if request.method == "POST":
            upload = f"upload-{len(self.requests)}"
            repository.uploads.add(upload)
            # Some registries keep their state in repeated keys of the query.
            return Reply(202, b"", {"Location": f"{request.path}{upload}?_state=a&_state=b"})
        if name not in repository.uploads:
            return oci_error(404, "BLOB_UPLOAD_UNKNOWN")
        repository.uploads.remove(name)
        if request.method == "DELETE":
            return Reply(204)
        digest = digest_of((self.behaviour.corrupt or bytes)(request.body))
        repository.blobs[digest] = request.body
        return Reply(201, b"", self._named(digest))

    def _tags(self, request: Request, repository: Repository, name: str) -> Reply:
        names = sorted(repository.tags)
        query = parse_qs(request.query)
        asked = int(query.get("n", ["0"])[0])
        if asked > (self.behaviour.max_page or asked) or (asked and self.behaviour.refuses_n):
            return self.behaviour.page_refusal
        limits = (self.behaviour.page_size, self.behaviour.max_page, asked, len(names))
        last, size = query.get("last", [""])[0], min(filter(None, limits), default=0)
        page = [tag for tag in names if tag > last][:size]
        headers = {"Content-Type": "application/json"}
        if page and page[-1] != names[-1]:
            number = f"&n={asked}" if asked else ""
            headers["Link"] = f'<{request.path}?last={page[-1]}{number}>; rel="next"'
        return Reply(200, json.dumps({"name": "fake", "tags": page or None}).encode(), headers)

    def _referrers(self, request: Request, repository: Repository, name: str) -> Reply:
        if not self.behaviour.referrers_api:
            return Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})
        wanted = parse_qs(request.query).get("artifactType", [None])[0]
        filters = self.behaviour.filters_referrers and wanted is not None
        listed = []
        for digest, (content, media_type) in repository.manifests.items():
            document = json.loads(content)
            if document.get("subject", {}).get("digest") != name:
                continue
            kind = document.get("artifactType") or document.get("config", {}).get("mediaType")
            if not filters or kind == wanted:
                entry = {"mediaType": media_type, "digest": digest, "size": len(content)}
                listed.append({**entry, "artifactType": kind})
        body = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": listed}
        headers = {"Content-Type": IMAGE_INDEX}
        if filters:
            headers["OCI-Filters-Applied"] = "artifactType"
        return Reply(200, json.dumps(body).encode(), headers)
