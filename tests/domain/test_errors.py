"""Exit codes and types are an interface: scripts depend on them (FR-032)."""

import inspect

import pytest

from engine.domain import errors
from engine.domain.error_record import restore_error

_CODES = {
    "PromotionError": 1,
    "ConfigError": 2,
    "UnconfiguredError": 2,
    "UsageError": 2,
    "ArtifactNotFoundError": 3,
    "DeliveryNotFoundError": 3,
    "UnavailableError": 5,
    "RegistryError": 5,
    "RegistryUnavailableError": 5,
    "RegistryAccessError": 5,
    "RegistryAnswerError": 5,
    "ContentMissingError": 5,
    "RegistryRefusalError": 5,
    "LedgerUnreadableError": 5,
    "AuditUnavailableError": 5,
    "StoreUnavailableError": 5,
    "WitnessUnavailableError": 5,
    "WitnessContradictionError": 5,
    "SigningUnavailableError": 5,
    "TimestampUnavailableError": 5,
    "IdentityUnavailableError": 5,
    "SignatureVerificationError": 6,
    "GateFailedError": 8,
    "InvalidTransitionError": 9,
    "TagExistsError": 10,
    "ConflictError": 10,
    "OlderVersionError": 10,
    "VersionNotPromotedError": 11,
    "RolledBackError": 11,
    "AuthorizationError": 12,
    "SeparationOfDutiesError": 12,
    "EnvironmentLockedError": 13,
    "ApprovalPendingError": 14,
    "ChangeClosedError": 15,
    "RejectedError": 15,
    "ExpiredError": 15,
    "StaleError": 15,
    "SupersededError": 15,
    "CancelledError": 15,
}
_REGISTRY_ANSWERS = {"RegistryAnswerError", "ContentMissingError", "RegistryRefusalError"}
_REGISTRY = {"RegistryUnavailableError", "RegistryAccessError", "LedgerUnreadableError"}
_REGISTRY |= _REGISTRY_ANSWERS | {"RegistryError"}
_OTHER_SYSTEMS = {"AuditUnavailableError", "StoreUnavailableError", "IdentityUnavailableError"}
_WITNESSES = {"WitnessUnavailableError", "WitnessContradictionError"}
_OTHER_SYSTEMS |= {"SigningUnavailableError", "TimestampUnavailableError"} | _WITNESSES
_CAUGHT_WITH = {
    "UnavailableError": _REGISTRY | _OTHER_SYSTEMS,
    "RegistryError": _REGISTRY,
    "WitnessUnavailableError": _WITNESSES,
    "RegistryAnswerError": _REGISTRY_ANSWERS,
    "AuthorizationError": {"SeparationOfDutiesError"},
    "ChangeClosedError": {
        "RejectedError",
        "ExpiredError",
        "StaleError",
        "SupersededError",
        "CancelledError",
    },
}
_CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.PromotionError)
}


@pytest.mark.requirement("FR-032")
def test_every_error_has_its_documented_exit_code():
    assert {name: kind.exit_code for name, kind in _CLASSES.items()} == _CODES


@pytest.mark.parametrize("name", sorted(_CLASSES.keys() - {"PromotionError"}))
def test_catching_an_error_catches_only_errors_of_its_meaning(name):
    caught = {other for other, kind in _CLASSES.items() if issubclass(kind, _CLASSES[name])}

    assert caught == {name} | _CAUGHT_WITH.get(name, set())


def test_the_type_in_json_is_the_name_of_the_class():
    assert {name: kind.kind for name, kind in _CLASSES.items()} == {n: n for n in _CLASSES}


def test_only_errors_of_other_systems_and_conflicts_are_retried():
    retried = {name for name, kind in _CLASSES.items() if kind.retryable}

    assert retried == _REGISTRY | _OTHER_SYSTEMS | {"UnavailableError", "ConflictError"}


def test_reason_codes_are_distinct():
    codes = [kind.reason_code for kind in _CLASSES.values()]

    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("name", sorted(_CLASSES))
def test_a_recorded_error_is_restored_as_the_class_it_was(name):
    kind = _CLASSES[name]

    restored = restore_error(name, kind.reason_code, kind.exit_code, "because", {"a": 1})

    assert type(restored) is kind
    assert (str(restored), restored.details, restored.kind) == ("because", {"a": 1}, name)


@pytest.mark.parametrize(
    ("reason_code", "exit_code", "expected"),
    [
        ("rejected", 15, errors.RejectedError),
        ("of_a_newer_version", 15, errors.ChangeClosedError),
        ("of_a_newer_version", 12, errors.AuthorizationError),
        ("of_a_newer_version", 77, errors.PromotionError),
    ],
)
def test_a_recorded_error_of_an_unknown_type_keeps_type_and_codes(reason_code, exit_code, expected):
    restored = restore_error("NewerError", reason_code, exit_code, "because", {})

    assert type(restored) is expected
    assert restored.kind == "NewerError"
    assert (restored.reason_code, restored.exit_code) == (reason_code, exit_code)
