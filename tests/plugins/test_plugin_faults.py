"""A plug-in that fails, hangs or answers nonsense blocks, and the sentence names its package."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.adapters.gates import CommandGates
from engine.adapters.gates.plugins import PluginGates
from engine.adapters.policy import compile_policies
from engine.adapters.policy.plugins import PluginPolicies
from engine.adapters.webhooks.attempt import Ending
from engine.adapters.webhooks.notifier import Notifier
from engine.config.plugins import Policy
from engine.domain.errors import ConfigError
from engine.domain.gate import Gate, GateKind, GateResult, GateStatus, PluginChoice
from engine.ports import NO_PROGRESS
from engine.runtime.plugins import find_plugin
from floe.testing import gate_subject, policy_subject

SUBJECT = gate_subject()
BAD = "floe-bad 2.1"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "bad"))
    yield


def judged(name: str, package: str = "floe-bad", seconds: float = 30) -> GateResult:
    gate = Gate(GateKind(name), (), seconds, plugin=PluginChoice(package, '{"deny":["GPL"]}'))  # type: ignore[arg-type] # shorter than the manifest allows
    runner = CommandGates(Path(), {}, plugins=PluginGates(Path(), "shop"))
    [result] = runner.run([gate], SUBJECT, NO_PROGRESS)
    return result


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bad-exits", f"plug-in {BAD} failed (SystemExit: 0)"),
        ("bad-import", f"plug-in bad-import cannot be loaded from the package {BAD}"),
        ("bad-joined", f"plug-in {BAD} gave a GateCommand whose argv is no tuple of texts"),
        ("bad-nameless", f"plug-in {BAD} gave a GateCommand whose argv is no tuple of texts"),
        ("bad-nothing", f"plug-in {BAD} gave no GateAnswer, but function"),
        ("bad-raises", f"plug-in {BAD} failed (KeyError: 'forgotten"),
        ("bad-settings", f"plug-in {BAD} failed (ValueError: option deny is missing)"),
        ("bad-truthy", f"plug-in {BAD} gave no GateAnswer, but GateAnswer"),
    ],
)
def test_gate_without_a_verdict_fails(name: str, said: str) -> None:
    result = judged(name)

    assert result.status is GateStatus.FAILED
    assert (result.error or "").startswith(said)
    assert result.details["plugin"] == BAD


def test_gate_that_hangs_fails_after_its_time() -> None:
    started = time.monotonic()

    result = judged("bad-hangs", seconds=0.5)

    assert result.error == f"plug-in {BAD} did not answer within 0.5 seconds"
    assert time.monotonic() - started < 50


def test_gate_that_hangs_ends_with_the_run() -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    gate = Gate(GateKind("bad-hangs"), (), 3600, plugin=PluginChoice("floe-bad"))

    answer, _ = PluginGates(Path(), "").judge(gate, SUBJECT, stop)

    assert isinstance(answer, tuple)
    assert answer[0].error == f"plug-in {BAD} was interrupted"


def test_long_answer_is_cut_and_printable() -> None:
    gate = Gate(GateKind("bad-long"), (), 30, plugin=PluginChoice("floe-bad"))

    answer, _ = PluginGates(Path(), "").judge(gate, SUBJECT, threading.Event())

    assert isinstance(answer, tuple)
    result, output = answer
    assert len(result.error or "") == 500 and "\x1b" not in (result.error or "")
    assert len(output) == 64 * 1024


def test_gate_that_accepts_gets_its_options_and_names_its_package() -> None:
    result = judged("bad-accepts")

    assert (result.status, result.error) == (GateStatus.PASSED, None)
    assert result.details == {"plugin": BAD}


@pytest.mark.parametrize(
    ("package", "name", "said"),
    [
        ("floe-none", "bad-accepts", "needs the package floe-none, which is not installed: pip"),
        ("floe-bad", "bad-other", f"the package {BAD} has no plug-in bad-other in floe.gates"),
        ("pytest", "bad-accepts", "has no plug-in bad-accepts in floe.gates (it has: none)"),
    ],
)
def test_gate_that_is_not_installed_fails(package: str, name: str, said: str) -> None:
    result = judged(name, package)

    assert result.status is GateStatus.FAILED
    assert said in (result.error or "")


def test_gate_without_plugins_here_fails() -> None:
    gate = Gate(GateKind("bad-accepts"), (), 30, plugin=PluginChoice("floe-bad"))

    [result] = CommandGates(Path(), {}).run([gate], SUBJECT, NO_PROGRESS)

    assert result.status is GateStatus.FAILED


@pytest.mark.parametrize(
    "name", ["lock", "authorization", "Acme-x", "a_b-c", "acme-", "", "x" * 90]
)
def test_name_of_a_gate_cannot_be_another_one(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a gate"):
        GateKind(name)


def test_built_in_names_are_the_same_objects() -> None:
    assert GateKind("tests") is GateKind.TESTS
    assert len(set(GateKind)) == 5
    assert GateKind.TESTS.built_in and not GateKind("acme-licenses").built_in


def enforced(*policies: dict[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    parsed = [Policy.model_validate(each) for each in policies]
    enforcer = PluginPolicies(compile_policies(parsed), parsed, Path(), "shop")
    result = enforcer.enforce(policy_subject())
    return [f"{each.severity} {each}" for each in result.violations], result.plugins


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bad-exits", f"plug-in {BAD} failed (SystemExit: 0)"),
        ("bad-hangs", f"plug-in {BAD} did not answer within 1 seconds"),
        ("bad-import", f"plug-in {BAD} failed (ConfigError: plug-in bad-import cannot be loaded"),
        ("bad-nothing", f"plug-in {BAD} failed (TypeError: its entry point is no PolicyPlugin)"),
        ("bad-none", f"plug-in {BAD} gave no list of sentences, but NoneType"),
        ("bad-text", f"plug-in {BAD} gave no list of sentences, but str"),
    ],
)
def test_policy_without_an_answer_blocks_also_as_a_warning(name: str, said: str) -> None:
    policy = {"name": name, "package": "floe-bad", "severity": "warning", "timeout_seconds": 1}

    found, plugins = enforced(policy)

    assert [each.startswith(f"error {name}: {said}") for each in found] == [True]
    assert plugins == (BAD,)


def test_policy_that_is_not_installed_blocks() -> None:
    found, plugins = enforced({"name": "acme-x", "package": "floe-none"})

    assert found == [
        "error acme-x: plug-in acme-x needs the package floe-none, which is not installed: pip "
        "install floe-none"
    ]
    assert plugins == ()


def test_violations_are_bounded_and_built_in_rules_stay() -> None:
    found, _ = enforced(
        {"name": "never", "rule": "false"}, {"name": "bad-many", "package": "floe-bad"}
    )

    assert found[0].startswith("error never: ")
    assert len(found) == 21
    assert max(map(len, found)) < 400


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bad-exits", f"failed in {BAD} (SystemExit: 0)"),
        ("bad-nothing", f"failed in {BAD} (TypeError: its entry point is no NotifierPlugin)"),
        ("acme-x", f"is not ready: the package {BAD} has no plug-in acme-x in floe.notifiers"),
    ],
)
def test_notifier_that_fails_is_tried_again(name: str, said: str) -> None:
    notifier = Notifier(name, "floe-bad", Path(), "")
    delivery: Any = SimpleNamespace(body=b"{}")

    outcome = notifier.attempt(delivery)

    assert outcome.ending is Ending.AGAIN
    assert outcome.problem.startswith(said)


def test_package_with_a_strange_name_is_not_installed() -> None:
    with pytest.raises(ConfigError, match="is not installed"):
        find_plugin("floe.gates", "", "acme-x")
