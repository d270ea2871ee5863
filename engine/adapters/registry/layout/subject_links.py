"""Finds referrers among manifests whose index entry does not have their subject."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.domain.artifact import Digest
from engine.domain.errors import RegistryAnswerError
from engine.domain.manifest import Manifest


@dataclass(frozen=True, slots=True)
class _Links:
    """The subject and the child manifests of a manifest."""

    subject: str | None
    children: tuple[str, ...]


_NO_LINKS = _Links(None, ())


class SubjectLinks:
    """
    The links of manifests, each read once. `read` returns the content of a digest, None if it is
    missing, and raises RegistryAnswerError if it was altered.
    """

    def __init__(self, read: Callable[[Digest], bytes | None]) -> None:
        self._read = read
        self._cached: dict[str, _Links] = {}

    def find(self, subject: str, among: tuple[str, ...]) -> Iterator[str]:
        """Yield digests of `among`, and of manifests that those list, that refer to `subject`."""
        seen = set(among)
        waiting = list(among)
        while waiting:
            digest = waiting.pop()
            links = self._of(digest)
            if links.subject == subject:
                yield digest
            new = [child for child in links.children if child not in seen]
            seen.update(new)
            waiting.extend(new)

    def _of(self, digest: str) -> _Links:
        cached = self._cached.get(digest)
        if cached:
            return cached
        try:
            content = self._read(Digest(digest))
            view = Manifest(content, "").view if content is not None else None
        except (ValueError, RegistryAnswerError):
            view = None
        if view is None:
            # Missing or altered; not cached, since the content may be restored.
            return _NO_LINKS
        subject = view.subject.digest if view.subject else None
        links = _Links(subject, tuple(child.digest for child in view.manifests or ()))
        self._cached[digest] = links
        return links
