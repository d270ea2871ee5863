"""The registry client remembers a limited number of digests, and forgets the oldest."""

from concurrent.futures import ThreadPoolExecutor

from engine.adapters.registry.remote.lru_set import LruSet


def test_the_oldest_is_forgotten_for_the_newest():
    recent = LruSet[str](2)

    for item in ("a", "b", "a", "c"):
        recent.add(item)

    assert "a" in recent
    assert "b" not in recent
    assert "c" in recent


def test_what_is_discarded_is_forgotten_and_may_be_discarded_again():
    recent = LruSet[str](2)
    recent.add("a")

    recent.discard("a")
    recent.discard("a")

    assert "a" not in recent


def test_many_threads_may_add_at_once():
    recent = LruSet[int](10)

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(recent.add, range(5000)):
            pass

    assert sum(number in recent for number in range(5000)) == 10
