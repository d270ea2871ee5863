"""Two engines on one repository, one of them behind a proxy that fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.api import Engine
from engine.domain.audit import Remark, RemarkKind
from engine.domain.errors import PromotionError
from engine.domain.status import Alignment
from tests.builders import image
from tests.peers import proxy, raw
from tests.peers.proxy import Proxy, Way, answered
from tests.scenarios.engines import ProgressLog, engine_on
from tests.scenarios.shaky import SOON

Opened = Callable[..., DistributionRegistry]
# Not found, registry unavailable, tag exists, never promoted there.
_EXIT_CODES = {3, 5, 10, 11}
_ALWAYS = 99


@dataclass(frozen=True)
class Trouble:
    """
    A failure `way` that occurs `times` times at the same request, for every `every`-th request.
    floe recovers from a `survived` one by itself; a registry that `lies` acknowledges writes it did
    not do.
    """

    way: Way
    times: int = 1
    every: int = 4
    survived: bool = False
    hangs: bool = False
    lies: bool = False


_PAGE = answered(200, b"<html>Sign in</html>", Content_Type="text/html")
TROUBLES = {
    "late": Trouble(proxy.late(0.05), survived=True),
    "too late": Trouble(proxy.late(4), hangs=True),
    "dropped before": Trouble(proxy.dropped_before, survived=True),
    "dropped after": Trouble(proxy.dropped_after, every=1),
    "gone": Trouble(proxy.dropped_before, _ALWAYS),
    "halved": Trouble(proxy.halved),
    "halved always": Trouble(proxy.halved, _ALWAYS),
    "401 once": Trouble(answered(401, WWW_Authenticate='Basic realm="r"')),
    "403": Trouble(answered(403), _ALWAYS, every=1),
    "405": Trouble(answered(405), _ALWAYS),
    "409": Trouble(answered(409), _ALWAYS),
    "412": Trouble(answered(412), _ALWAYS),
    "429 for long": Trouble(answered(429, Retry_After="3600"), _ALWAYS),
    "429 once": Trouble(answered(429, Retry_After="0"), survived=True),
    "500 twice": Trouble(answered(500), 2, survived=True),
    "503 always": Trouble(answered(503), _ALWAYS),
    "altered": Trouble(proxy.altered, _ALWAYS),
    "misnamed": Trouble(proxy.misnamed, _ALWAYS),
    "packed": Trouble(proxy.packed, _ALWAYS),
    "moved": Trouble(answered(307, Location="/elsewhere"), _ALWAYS),
    "a page": Trouble(_PAGE, _ALWAYS, lies=True),
    "nothing": Trouble(answered(200), _ALWAYS, lies=True),
    "pretended": Trouble(answered(201), _ALWAYS, every=1, lies=True),
}


@dataclass
class Twins:
    """
    `troubled` uses the failing proxy, `calm` does not; `failures` collects the error messages.
    """

    proxy: Proxy
    troubled: Engine
    calm: Engine
    host: str
    repository: str
    failures: list[str] = field(default_factory=list)

    def push(self, version: str) -> None:
        raw.push(self.host, self.repository, image(version.encode()), f"{version}-dev")

    def each_request(self, trouble: Trouble, first: int = 1) -> Iterator[int]:
        """Yield the number of the request that fails, until no request has that number."""
        number = first
        while True:
            self.proxy.fail(number, trouble.way, trouble.times)
            failed = len(self.failures)
            yield number
            # Failures on the way do not tell how many requests there are.
            if not self.proxy.struck and len(self.failures) == failed:
                return
            number += trouble.every

    def tried(self, work: Callable[[Engine], PromotionError | None]) -> bool:
        """Return whether `work` succeeded; if not, check the error message."""
        try:
            error = work(self.troubled)
        except PromotionError as raised:
            error = raised
        if error is None:
            return True
        sentence = str(error)
        assert error.exit_code in _EXIT_CODES, repr(error)
        assert "\n" not in sentence
        assert 20 < len(sentence) < 600
        self.failures.append(sentence)
        return False

    def assert_in_effect_only_on_record(self) -> None:
        """Assert that no tag is in effect without a record that explains it."""
        alignment = self.calm.status()[1].alignment
        assert alignment in {Alignment.EMPTY, Alignment.ALIGNED, Alignment.COMPLETING}

    def assert_believable(self, *, lies: bool = False) -> None:
        """Assert that the ledger verifies and every environment tag has its record."""
        (found,) = self.calm.verify("staging", ProgressLog()).environments
        assert all(lies and _is_a_lost_ledger_tag(problem) for problem in found.problems), found
        assert {note.kind for note in found.notes} <= {RemarkKind.INTERRUPTED}
        assert self.calm.status()[1].alignment is Alignment.ALIGNED


@contextmanager
def twins_on(
    host: str, repository: str, opened: Opened, folder: Path, *, hangs: bool = False
) -> Iterator[Twins]:
    """Build the twins; the troubled one soon gives up on a request that `hangs`."""
    seconds = 1 if hangs else 30
    with Proxy(host) as between:
        troubled = opened(between.host, repository, timeout_seconds=seconds, pauses=SOON)
        calm = opened(host, repository, timeout_seconds=30)
        with engine_on(troubled, folder) as one, engine_on(calm, folder) as other:
            yield Twins(between, one, other, host, repository)


def _is_a_lost_ledger_tag(problem: Remark) -> bool:
    """Whether the audit names a ledger tag that the registry accepted and lost, and the fix."""
    return problem.kind is RemarkKind.MISSING and "restore the tag" in problem.message
