"""What the manifests of an image layout point at, for those its index does not say it of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.domain.artifact import Digest
from engine.domain.errors import RegistryAnswerError
from engine.domain.manifest import Manifest


@dataclass(frozen=True, slots=True)
class _Pointed:
    """What a manifest points at, beside its content."""

    subject: str | None
    children: tuple[str, ...]


_NOTHING = _Pointed(None, ())


class Links:
    """
    Read once from each manifest: content never changes under its digest. `read` gives the content
    of one, None where it is absent, and RegistryAnswerError where it was altered.
    """

    def __init__(self, read: Callable[[Digest], bytes | None]) -> None:
        self._read = read
        self._known: dict[str, _Pointed] = {}

    def to(self, subject: str, among: tuple[str, ...]) -> Iterator[str]:
        """Digests of what refers to `subject`, of `among` and of what indexes in there list."""
        seen = set(among)
        waiting = list(among)
        while waiting:
            digest = waiting.pop()
            pointed = self._of(digest)
            if pointed.subject == subject:
                yield digest
            new = [child for child in pointed.children if child not in seen]
            seen.update(new)
            waiting.extend(new)

    def _of(self, digest: str) -> _Pointed:
        known = self._known.get(digest)
        if known:
            return known
        try:
            content = self._read(Digest(digest))
            view = Manifest(content, "").view if content is not None else None
        except (ValueError, RegistryAnswerError):
            view = None
        if view is None:
            # Absent, altered or no manifest: it refers to nothing now, and may be put right.
            return _NOTHING
        subject = view.subject.digest if view.subject else None
        pointed = _Pointed(subject, tuple(child.digest for child in view.manifests or ()))
        self._known[digest] = pointed
        return pointed
