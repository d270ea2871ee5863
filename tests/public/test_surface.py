"""Programs rely on the names and signatures of `floe`, so a change of one must be seen."""

import subprocess
import sys

import floe
from engine.domain import errors, release_errors
from tests.public.surface import GOLDEN, surface


def test_surface_is_the_one_that_programs_know() -> None:
    # A removed or changed line breaks programs; `python -m tests.public.surface` accepts it.
    assert surface() == GOLDEN.read_text()


def test_every_error_of_the_engine_is_exported() -> None:
    raised = {
        name
        for module in (errors, release_errors)
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, errors.PromotionError)
    }

    assert raised <= {*floe.__all__}


def test_names_are_listed_once_in_order() -> None:
    assert floe.__all__ == sorted({*floe.__all__})
    assert dir(floe) == floe.__all__


def test_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(floe, "promot")


def test_import_loads_nothing_else() -> None:
    code = "import sys, floe; print(*sorted(m.partition('.')[0] for m in sys.modules))"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = {*ran.stdout.split()}
    assert "floe" in loaded
    assert not loaded & {"bot", "cli", "click", "engine", "httpx", "pydantic", "web", "yaml"}
