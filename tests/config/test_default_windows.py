"""Windows in the defaults of a server file, which products keep."""

from pathlib import Path

import pytest

from engine.domain.errors import ConfigError
from tests.config import server_files
from tests.config.test_config_windows import FRIDAYS, MORE, SLOTS

SERVER = f"""
registry: {{uri: 'oci-layout:./{{product}}'}}
promotion:
  environments: [{{name: dev}}, {{name: prod}}]
  windows: [{{{FRIDAYS}}}, {{{SLOTS}}}]
"""


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ("", ""),
        (FRIDAYS.replace("fridays", "audit"), ""),
        ("name: fridays, reason: our own", ""),
        (MORE, "looser than the defaults of floe.yaml: artifacts.promotion.windows.more is added"),
        ("name: fridays, environments: [dev]", "looser than the defaults"),
        ("name: fridays, duration: 1s", "is not as in the defaults"),
        ("name: fridays, kind: allow", "is not as in the defaults"),
    ],
)
def test_defaults_of_a_server_add_windows_that_a_product_keeps(
    tmp_path: Path, own: str, problem: str
) -> None:
    path = server_files.write_server(tmp_path, SERVER)
    windows = f"artifacts: {{promotion: {{windows: [{{{own}}}]}}}}\n" if own else ""
    server_files.write_product(tmp_path, "checkout", windows)

    installation = server_files.load(path)

    assert problem in "".join(map(str, installation.broken.values()))
    assert bool(installation.broken) == bool(problem)


SHARED = """
registry: {uri: 'oci-layout:./{product}'}
promotion:
  environments: [{name: dev}, {name: prod}]
  windows: [{name: holidays, kind: deny, ics: WHERE}]
"""


@pytest.mark.parametrize(
    ("where", "own", "problem"),
    [
        ("holidays.ics", "sub/holidays.ics", "replaces the calendar of the defaults of floe.yaml"),
        ("holidays.ics", "holidays.ics", "replaces the calendar of the defaults of floe.yaml"),
        ("https://a.example/x.ics", "https://a.example/y.ics", "replaces the calendar"),
        ("https://a.example/x.ics", "https://a.example/x.ics", ""),
    ],
)
def test_product_keeps_the_calendar_of_the_defaults(
    tmp_path: Path, where: str, own: str, problem: str
) -> None:
    path = server_files.write_server(tmp_path, SHARED.replace("WHERE", where))
    windows = f"windows: [{{name: holidays, kind: deny, ics: '{own}'}}]"
    server_files.write_product(tmp_path, "checkout", f"artifacts: {{promotion: {{{windows}}}}}\n")

    installation = server_files.load(path)

    assert problem in "".join(map(str, installation.broken.values()))
    assert bool(installation.broken) == bool(problem)


def test_default_window_may_name_an_environment_that_a_product_lacks(tmp_path: Path) -> None:
    defaults = SERVER.replace("duration", "environments: [dev], duration", 1)
    override = "may_override: [promotion.environments]"
    path = server_files.write_server(tmp_path, f"{override}\n{defaults}")
    own = "artifacts: {promotion: {environments: [{name: prod}]}}\n"
    server_files.write_product(tmp_path, "checkout", own)

    installation = server_files.load(path)

    assert installation.broken == {}


def test_default_window_names_environments_of_the_defaults(tmp_path: Path) -> None:
    defaults = SERVER.replace("duration", "environments: [prd], duration", 1)
    path = server_files.write_server(tmp_path, defaults)

    with pytest.raises(ConfigError, match=r"there is no such environment; did you mean prod\?"):
        server_files.load(path)
