"""The version matrix."""

import re

from tests.web.stage import Stage


def test_versions_are_sorted_in_any_order_of_arrival(stage: Stage) -> None:
    stage.publish("v1.9.0", "v1.10.0", "v1.2.0")
    for version in ("v1.2.0", "v1.9.0", "v1.10.0"):
        stage.ask(version, "staging")
    stage.roll_back("v1.2.0", "staging")

    page = stage.get("/history")

    assert re.findall(r'<th scope="row"><a[^>]*>([^<]+)<', page) == ["v1.10.0", "v1.9.0", "v1.2.0"]
