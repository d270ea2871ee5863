"""What the engine needs from the outside world. Adapters provide it; nothing here does."""

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from engine.domain.artifact import Digest, Tag
from engine.domain.audit import Exhibit, KnownHead
from engine.domain.gate import Gate, GateKind, GateResult
from engine.domain.ledger import LedgerDraft, LedgerEntry
from engine.domain.manifest import Descriptor, Manifest


class RegistryReader(Protocol):
    """
    The reading half of one repository. Planning gets only this half, so a dry run cannot write.

    Every method raises RegistryUnavailableError when there is no usable answer within the
    configured time, RegistryAccessError for 401 and 403 (which are never "absent"), and
    RegistryAnswerError for an answer that cannot be true.
    """

    @property
    def reference(self) -> str:
        """`host/repository`, or the layout's path: what `@sha256:…` is appended to."""
        ...

    def resolve(self, tag: Tag) -> Digest | None:
        """The digest `tag` points at now; None when there is no such tag. One request."""
        ...

    def fetch(self, reference: Tag | Digest) -> Manifest | None:
        """
        The manifest of any of the four media types, its bytes as stored, at most 4 MiB; None when
        absent. Content that does not hash to the digest asked for, or to the one the registry
        names, is a RegistryAnswerError. One request.
        """
        ...

    def blob(self, digest: str, limit: int) -> bytes:
        """
        A whole blob of at most `limit` bytes, its digest checked; RegistryAnswerError when it is
        larger, altered or absent.
        """
        ...

    def tags(self) -> tuple[Tag, ...]:
        """Every tag of the repository, all pages of them; empty for an unknown repository."""
        ...

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """
        The manifests attached to `subject`: the referrers API where the registry has it, else the
        tag-schema fallback (distribution-spec 1.1, "Listing Referrers"). A listing proves nothing:
        callers fetch what is listed and look at its `subject`.
        """
        ...


class Upload(Protocol):
    """A blob upload that was opened before its content was known, which saves a round trip."""

    def finish(self, content: bytes) -> Descriptor:
        """Store `content` and check the answer; the descriptor has no media type of its own."""
        ...


class Registry(RegistryReader, Protocol):
    """One repository in an OCI registry, with its writes. Only the executor is given this."""

    def open_upload(self) -> Upload:
        """Open an upload session. One request."""
        ...

    def put(self, manifest: Manifest, tag: Tag | None = None) -> None:
        """
        Store the very bytes of `manifest` under `tag`, or by digest alone. One request.

        TagExistsError when the registry keeps its tags immutable and `tag` is another manifest;
        when it already is this one, that counts as done. The answer is checked; reading the tag
        back is the caller's part, so that it can be done beside other requests.
        """
        ...

    def attach(self, subject: Digest, referrer: Descriptor) -> None:
        """
        Make `referrer` (already stored, with `subject` in its manifest) appear in
        `referrers(subject)`: nothing to do where the API works, else one careful change of the
        fallback index. The caller holds the lease of whoever else may write that index.
        """
        ...


class LedgerReader(Protocol):
    """
    The records of each environment, newest first. LedgerUnreadableError when what is there is no
    ledger, RegistryUnavailableError when it cannot be read.
    """

    def head(self, environment: str) -> LedgerEntry | None:
        """The newest committed entry; None for an environment without history. One request."""
        ...

    def staged(self, environment: str, sequence: int) -> LedgerEntry | None:
        """What carries the tag of `sequence`: perhaps never committed, so proof of nothing."""
        ...

    def history(
        self, environment: str, limit: int, before: int | None = None
    ) -> tuple[LedgerEntry, ...]:
        """
        At most `limit` committed entries, newest first, those before sequence `before` if given.
        Each is proven to be linked from the head. Costs O(limit) requests in O(log n) waves.
        """
        ...

    def entry(self, head: LedgerEntry, sequence: int) -> LedgerEntry:
        """The committed entry at `sequence`, reached over the links from `head`: O(log n)."""
        ...

    def promotion(
        self, head: LedgerEntry, digest: Digest, version: str | None = None
    ) -> LedgerEntry | None:
        """
        The newest committed promotion of `digest` into the environment of `head`, under any
        version or under the one given; found through the artifact's referrers and proven to be
        linked from `head`.
        """
        ...

    def attached(self, digest: Digest, kind: str) -> tuple[LedgerEntry, ...]:
        """The records of `kind` attached to `digest`: claims, of which none proves anything."""
        ...

    def walk(self, environment: str) -> Generator[LedgerEntry, None, None]:
        """
        Every committed entry, newest first, each proven by the one after it. They are fetched a
        portion at a time, as far as somebody goes on asking; who stops early closes it.
        """
        ...

    def place(self, tag: Tag) -> tuple[str, int] | None:
        """The environment and sequence whose entry `tag` names; None for any other tag."""
        ...

    def tagged(self, environment: str, sequence: int | None) -> Exhibit | None:
        """
        What carries the tag of `sequence`, or of the head for None, with all that is wrong within
        it; None when there is no such tag. Unlike every other method it takes a broken ledger for
        an answer: it raises only when the registry itself cannot be asked.
        """
        ...

    def linked(self, environment: str, digest: Digest) -> Exhibit | None:
        """As `tagged`, for the manifest of `digest`."""
        ...


class Ledger(LedgerReader, Protocol):
    """The ledger with its writes. They happen under the environment's lease."""

    def stage(self, draft: LedgerDraft) -> LedgerEntry:
        """
        Store the record's manifest and tag it with its sequence; the blob of `record.to_bytes()`
        is there already. It does not count yet.
        """
        ...

    def commit(self, entry: LedgerEntry) -> None:
        """Make `entry` the head: from here on it counts."""
        ...

    def confirm(self, entry: LedgerEntry) -> None:
        """Read the head back; ConflictError when it turns out to be another than `entry`."""
        ...

    def attach(self, entry: LedgerEntry) -> None:
        """
        List `entry` among the referrers of the artifact it speaks of. It counts by its place in
        the chain; being listed only makes it quick to find.
        """
        ...


@dataclass(frozen=True, slots=True)
class GateSubject:
    """What a gate judges, for its `${…}` placeholders; `reference` is pinned by digest."""

    reference: str
    digest: Digest
    tag: Tag
    version: str
    source: str
    target: str


class Progress(Protocol):
    """Told what happens while somebody waits. Implementations never raise and return at once."""

    def step(self, text: str) -> None: ...
    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None: ...
    def gate_finished(self, result: GateResult) -> None: ...
    def gate_output(self, gate: GateKind, output: bytes) -> None:
        """What the gate printed, at most 64 KiB of its head and tail; before it is finished."""
        ...


class Silent:
    """Implements `Progress` for whom nobody waits."""

    def step(self, text: str) -> None: ...
    def gate_started(self, gate: GateKind, timeout_seconds: int) -> None: ...
    def gate_finished(self, result: GateResult) -> None: ...
    def gate_output(self, gate: GateKind, output: bytes) -> None: ...


SILENT = Silent()


class StoppedError(Exception):
    """floe is stopping: what was under way has not failed, and somebody else takes it up."""


class GateRunner(Protocol):
    def run(
        self, gates: Sequence[Gate], subject: GateSubject, progress: Progress
    ) -> tuple[GateResult, ...]:
        """
        Run every gate once, side by side, and return their results in the order of `gates`.

        A gate that cannot start, dies by a signal or exceeds `timeout_seconds` has failed; nothing
        about a gate is ever an exception.
        """
        ...


class Leases(Protocol):
    def hold(self, environment: str) -> AbstractContextManager[None]:
        """
        The right to write `environment`, held by one process and thread at a time on this machine
        and freed when its holder dies. ConflictError when it cannot be had within the wait.
        """
        ...


class Heads(Protocol):
    """The head each ledger was last seen to have: a shortened or rewritten chain is valid too."""

    @property
    def reference(self) -> str:
        """Where they are kept, for people."""
        ...

    def known(self, environment: str) -> KnownHead | None:
        """None when no head was ever seen; ConfigError when what is kept cannot be read."""
        ...

    def remember(self, environment: str, head: KnownHead) -> None:
        """ConfigError when it cannot be kept."""
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """
    Attempts of one kind to be recorded now: how many no record stands for, and whether this state
    directory knows when one was recorded last.
    """

    count: int
    known: bool


class Tally(Protocol):
    """Counts refused attempts between their records. StoreUnavailableError where it cannot."""

    def add(self, kind: str, now: datetime) -> Due | None:
        """
        Count one more attempt. None while a record of the last hour stands for it; else the caller
        has a minute to record what is due, and nobody else is told to.
        """
        ...

    def recorded(self, kind: str, count: int, at: datetime) -> None:
        """`count` attempts are on record since `at`."""
        ...


@runtime_checkable
class Vouching(Protocol):
    """A registry that knows its users."""

    def sign_in(self) -> str | None:
        """
        The user whose credentials it asked for and accepted in this run; None for nobody, at no
        request where there are no credentials. RegistryUnavailableError when it does not answer.
        """
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The present, UTC."""
        ...
