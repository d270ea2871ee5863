"""Facts: values that are read once, in parallel, and only if they were declared."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from threading import Lock
from typing import Any, Generic, TypeVar, overload

from engine.domain.errors import PromotionError

S = TypeVar("S")
T = TypeVar("T")


class Fact(Generic[T]):
    """
    A property of a `Facts` that is read once, from readers and other facts.

    Facts that are fetched together are read in parallel; one that needs another waits for it, so
    the requests of a plan form as few waves as their dependencies allow.
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self.read = read
        self.name = read.__name__
        self.__doc__ = read.__doc__

    @overload
    def __get__(self, facts: None, owner: type) -> "Fact[T]": ...
    @overload
    def __get__(self, facts: "Facts", owner: type) -> T: ...
    def __get__(self, facts: "Facts | None", owner: type) -> "Fact[T] | T":
        return self if facts is None else facts.recall(self)


class Facts:
    """A set of facts: `fetch` reads them, and later accesses use the stored values."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._lock = Lock()
        self._fetching = False
        self._known: dict[str, Future[Any]] = {}

    def fetch(self, facts: Iterable[Fact[Any]]) -> None:
        """Read `facts` in parallel, and raise the error of the first one that failed, in order."""
        wanted = list(dict.fromkeys(facts))
        self._fetching = True
        try:
            # The last is read in this thread: a Ctrl-C must reach the gates that it waits for.
            for fact in wanted[:-1]:
                self._pool.submit(self.recall, fact)
            for fact in wanted[-1:]:
                with suppress(PromotionError):
                    self.recall(fact)
            for fact in wanted:
                self.recall(fact)
        finally:
            self._fetching = False

    def each(self, read: Callable[[S], T], values: Sequence[S]) -> tuple[T, ...]:
        """Call `read` with all `values` side by side; in this thread where the pool is full."""
        futures = [self._pool.submit(read, value) for value in values[1:]]
        first = [read(value) for value in values[:1]]
        rest = zip(futures, values[1:], strict=True)
        return (*first, *(read(v) if each.cancel() else each.result() for each, v in rest))

    def peek(self, fact: Fact[T]) -> T | None:
        """Get the fact if it was read, without reading it; None otherwise."""
        return self._known[fact.name].result() if self.is_read(fact) else None

    def is_read(self, fact: Fact[Any]) -> bool:
        """Whether the fact was read."""
        known = self._known.get(fact.name)
        return known is not None and known.done()

    def recall(self, fact: Fact[T]) -> T:
        """Get the fact; RuntimeError if it was neither declared nor read."""
        # A check of any request names the fact of the base class; a subclass may override it.
        own: Fact[T] = getattr(type(self), fact.name)
        with self._lock:
            known = self._known.get(fact.name)
            mine = known is None
            if known is None:
                if not self._fetching:
                    raise RuntimeError(f"the fact '{fact.name}' is used without being declared")
                known = self._known[fact.name] = Future()
        if mine:
            try:
                known.set_result(own.read(self))
            except BaseException as error:
                # Threads that wait for the fact must not wait forever.
                known.set_exception(error)
                raise
        return known.result()  # type: ignore[no-any-return]  # one future type holds every fact
