"""Exit codes are an interface: scripts depend on them (FR-032)."""

import inspect

import pytest

from engine.domain import errors

_CODES = {
    "PromotionError": 1,
    "ConfigError": 2,
    "UnconfiguredError": 2,
    "UsageError": 2,
    "ArtifactNotFoundError": 3,
    "DeliveryNotFoundError": 3,
    "RegistryUnavailableError": 5,
    "RegistryAccessError": 5,
    "RegistryAnswerError": 5,
    "ContentMissingError": 5,
    "RegistryRefusalError": 5,
    "LedgerUnreadableError": 5,
    "AuditUnavailableError": 5,
    "StoreUnavailableError": 5,
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
    "StaleError": 15,
    "ExpiredError": 15,
}
_CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.PromotionError)
}


@pytest.mark.requirement("FR-032")
def test_every_error_has_its_documented_exit_code():
    assert {name: kind.exit_code for name, kind in _CLASSES.items()} == _CODES


@pytest.mark.parametrize("name", sorted(_CLASSES))
def test_the_tree_in_the_documentation_is_the_tree(name):
    lines = [line.split() for line in errors.__doc__.splitlines() if name in line.split()]

    [[_bullet, _name, _dots, code]] = lines
    assert int(code) == _CLASSES[name].exit_code


def test_reason_codes_are_distinct():
    codes = [kind.reason_code for kind in _CLASSES.values()]

    assert len(set(codes)) == len(codes)
