"""A second click on a button must not repeat or contradict the first one."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from engine.domain.product import UNNAMED
from tests.web.stage import ALICE, FORM_TOKEN, Stage, signed_in
from tests.web.test_change_requests import (
    ROLLBACK,
    confirm,
    last_change,
    publish_two,
    running,
    shown,
)

pytestmark = pytest.mark.requirement("WB-002")


class Overtaken:
    """A store with another request between its first answer and the rest."""

    def __init__(self, store: Any, meanwhile: Callable[[], object]) -> None:
        self._store = store
        self._meanwhile: Iterator[Callable[[], object]] = iter([meanwhile])

    def recall(self, key: str) -> Any:
        known = self._store.recall(key)
        for run in self._meanwhile:
            # A request of its own, in a thread of its own.
            with ThreadPoolExecutor(1) as other:
                other.submit(run).result()
        return known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_second_click_leads_to_the_change_of_the_first(behind_proxy: Stage) -> None:
    stage = behind_proxy
    publish_two(stage)
    place, browser = f"{ROLLBACK}?version=v1.0.0", stage.app.test_client()
    _, fields = shown(stage, place)
    token = FORM_TOKEN.findall(browser.get(place, headers=signed_in(ALICE)).text)[-1]

    def first() -> None:
        data = fields | {"csrf": token, "reason": "INC-9: 5xx"}
        browser.post(ROLLBACK, data=data, headers=signed_in(ALICE))
        stage.settle(last_change(stage).id)

    platform: Any = replace(stage.platform, store=Overtaken(stage.platform.store, first))
    stage.app.extensions["floe"].sites = {UNNAMED: replace(stage.site, platform=platform)}
    second = confirm(stage, ROLLBACK, fields, reason="INC-9: 5xx")

    assert running(stage) == "v1.0.0"
    assert second.headers["Location"] == f"/changes/{last_change(stage).id}"
    assert len(stage.platform.store.recent(9)) == 3
