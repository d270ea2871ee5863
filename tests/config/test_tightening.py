"""A product may only be stricter than the defaults of its server file."""

from pathlib import Path

import pytest

from engine.domain.errors import ConfigError
from tests.config.server_files import broken, load, write_product, write_server
from tests.peers.signing import SigningKey

DEFAULTS = """
registry:
  uri: oci-layout:./{product}
  verification: {public_keys: [release.pub], environments: {dev: {enforcement: warn}}}
promotion:
  environments:
  - name: dev
  - name: staging
    authorization: {allowed_groups: [developers, admins]}
  - name: prod
    authorization: {allowed_groups: [admins]}
    approvals: {required: 2, groups: [admins], expires_after: 4h}
  gates: {tests: true, security_scan: {block_on_secrets: true}}
  gate_commands: {security_scan: [trivy, image]}
  policies: [{name: has-source, rule: size(artifact.layers) > 0}]
"""


def server(folder: Path, *may_override: str, defaults: str = DEFAULTS, rest: str = "") -> Path:
    (folder / "release.pub").write_text("release")
    (folder / "other.pub").write_text("other")
    return write_server(
        folder, f"{defaults}may_override: [{', '.join(may_override)}]", f"metadata: {{}}\n{rest}"
    )


def product(folder: Path, promotion: str = "", registry: str = "") -> None:
    own = "artifacts:\n  promotion:\n    gate_commands: {tests: pytest -q}\n"
    own += "".join(f"    {line}\n" for line in promotion.splitlines())
    own += f"  registry: {{{registry}}}\n" if registry else ""
    write_product(folder, "checkout", own)


def prod(settings: str) -> str:
    return f"environments: [{{name: prod, {settings}}}]"


TIGHTER = [
    prod("approvals: {required: 3}"),
    prod("approvals: {rollback: true, expires_after: 1h}"),
    prod("approvals: {rules: [{groups: [admins]}, {name: two, groups: [admins]}, {groups: [x]}]}"),
    prod("authorization: {separation_of_duties: true}"),
    prod("gates: {cost_analysis: {command: [cost]}}"),
    prod("lock: {locked: true, reason: no, locked_by: sre}"),
    "environments: [{name: staging}, {name: canary, approvals: {required: 0}}, {name: prod}]",
    "environments: [{name: dev, approvals: {required: 1, expires_after: 30d}}]",
    "environments: [{name: prod}, {name: archive}]",
    "gates: {security_scan: {block_on_eol: true}}",
    "gates: {tests: {timeout_seconds: 900, env: [HOME]}}",
    "policies: [{name: signed, rule: 'true', severity: warning}]",
    "default_timeout: 900",
]


@pytest.mark.parametrize("promotion", TIGHTER)
def test_stricter_or_free_setting_is_accepted(tmp_path: Path, promotion: str) -> None:
    path = server(tmp_path)
    product(tmp_path, promotion)

    assert dict(load(path).broken) == {}


LOOSER = [
    (prod("approvals: {required: 1}"), "approvals.required"),
    (prod("approvals: {groups: [admins, developers]}"), "approvals.groups"),
    (prod("approvals: {rules: [{groups: [admins]}, {groups: [developers]}]}"), "approvals.rules"),
    (prod("approvals: {escalate: {after: 1h, to: [developers]}}"), "approvals.escalate"),
    (
        prod("approvals: {delegates: {a@x.y: {to: b@x.y, until: 2026-12-24T09:00:00Z}}}"),
        "approvals.delegates",
    ),
    (prod("approvals: {expires_after: 2d}"), "approvals.expires_after"),
    (prod("authorization: {allowed_groups: [admins, all]}"), "authorization.allowed_groups"),
    (prod("authorization: {allowed_operators: [bob]}"), "authorization.allowed_operators"),
    (prod("gates: {tests: false}"), "gates.tests"),
    (prod("gates: {security_scan: {block_on_secrets: false}}"), "gates.security_scan"),
    (prod("gates: {security_scan: {ignore_unfixed: true}}"), "gates.security_scan"),
    (prod("gates: {security_scan: {command: ['true']}}"), "gates.security_scan.command"),
    ("environments: [{name: canary, gates: {tests: false}}, {name: prod}]", "gates.tests"),
    ("gates: {tests: false}", "gates.tests"),
    ("gate_commands: {security_scan: ['true'], tests: x}", "gates.security_scan.command"),
]


@pytest.mark.parametrize(("promotion", "rule"), LOOSER)
def test_looser_setting_is_refused_unless_the_server_allows_it(
    tmp_path: Path, promotion: str, rule: str
) -> None:
    path = server(tmp_path)
    if "gate_commands" in promotion:
        write_product(tmp_path, "checkout", f"artifacts: {{promotion: {{{promotion}}}}}")
    else:
        product(tmp_path, promotion)

    problems = broken(path, "checkout")
    allowed = server(tmp_path, f"promotion.environments.{rule}")

    assert problems
    for problem in problems:
        assert problem.startswith("checkout.yaml:"), problem
        assert f"or add promotion.environments.{rule}" in problem
        assert "to defaults.may_override there" in problem
    assert dict(load(allowed).broken) == {}


def test_product_adds_break_glass_only_if_the_server_allows_it(tmp_path: Path) -> None:
    path = server(tmp_path)
    product(tmp_path, "break_glass: {groups: [developers]}")

    [problem] = broken(path, "checkout")

    assert problem.startswith("checkout.yaml:7: artifacts.promotion.break_glass: is looser than")
    assert "add promotion.break_glass to defaults.may_override there" in problem
    assert dict(load(server(tmp_path, "promotion.break_glass")).broken) == {}


def test_refusal_has_the_line_both_values_and_the_fix(tmp_path: Path) -> None:
    path = server(tmp_path)
    product(tmp_path, prod("approvals: {required: 1}"))

    assert broken(path, "checkout") == [
        "checkout.yaml:7: artifacts.promotion.environments[0].approvals.required: is looser than "
        "the defaults of floe.yaml: prod: approvals.required goes from 2 to 1. Remove it here, or "
        "add promotion.environments.approvals.required to defaults.may_override there"
    ]


@pytest.mark.parametrize(
    ("registry", "rule"),
    [
        ("verification: {enforcement: warn}", "registry.verification.enforcement"),
        ("verification: {public_keys: [../other.pub]}", "registry.verification.public_keys"),
        (
            "verification: {trusted_issuers: [{issuer: 'https://h.example', subject_regex: x}]}",
            "registry.verification.trusted_issuers",
        ),
        (
            "verification: {environments: {prod: {enforcement: 'off'}}}",
            "registry.verification.enforcement",
        ),
    ],
)
def test_weaker_verification_is_refused(tmp_path: Path, registry: str, rule: str) -> None:
    path = server(tmp_path)
    product(tmp_path, registry=registry)

    problems = broken(path, "checkout")

    assert any(f"or add {rule}" in problem for problem in problems)
    assert dict(load(server(tmp_path, "registry.verification")).broken) == {}


KEPT = """
registry: {uri: 'oci-layout:./{product}', tls: {ca_file: release.pub}}
promotion:
  audit: {backend: s3, url: "s3://audit/{product}"}
  webhooks: [{url: "https://hooks.example/all"}]
"""


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("promotion.webhooks", "promotion: {webhooks: [{url: 'https://hooks.example/own'}]}"),
        ("promotion.audit", "promotion: {audit: {backend: oci}}"),
        ("registry.tls", "registry: {tls: {ca_file: release.pub}}"),
    ],
)
def test_setting_that_removes_one_of_the_defaults_is_refused(
    tmp_path: Path, name: str, own: str
) -> None:
    path = server(tmp_path, defaults=KEPT)
    (tmp_path / "products" / "release.pub").write_text("of the product")
    write_product(tmp_path, "checkout", f"artifacts:\n  {own}\n")

    assert broken(path, "checkout") == [
        f"checkout.yaml:5: artifacts.{name}: removes settings of the defaults of floe.yaml: remove "
        f"it here, or add {name} to defaults.may_override there"
    ]
    assert dict(load(server(tmp_path, name, defaults=KEPT)).broken) == {}


def test_product_adds_a_webhook_to_those_of_the_defaults(tmp_path: Path) -> None:
    path = server(tmp_path, defaults=KEPT)
    hooks = "[{url: 'https://hooks.example/own'}, {url: 'https://hooks.example/all'}]"
    write_product(tmp_path, "checkout", f"artifacts: {{promotion: {{webhooks: {hooks}}}}}")

    assert len(load(path).products["checkout"].webhooks) == 2


def test_changed_policy_is_refused(tmp_path: Path) -> None:
    path = server(tmp_path)
    product(tmp_path, "policies: [{name: has-source, rule: 'true', severity: warning}]")

    rules = [problem.partition("or add ")[2].split()[0] for problem in broken(path, "checkout")]

    assert set(rules) == {
        "promotion.policies.has-source.severity",
        "promotion.policies.has-source.rule",
    }
    assert dict(load(server(tmp_path, "promotion.policies.has-source")).broken) == {}


def test_product_is_free_without_defaults(tmp_path: Path) -> None:
    path = server(tmp_path, defaults="\n")
    write_product(
        tmp_path,
        "checkout",
        "artifacts: {registry: {uri: oci-layout:r}, promotion: {environments: [{name: dev}, "
        "{name: prod, approvals: {required: 1, expires_after: 30d}}]}}",
    )

    assert dict(load(path).broken) == {}


def test_product_counts_no_other_entries_unless_the_server_allows_it(tmp_path: Path) -> None:
    (tmp_path / "floe.pub").write_bytes(SigningKey.new().pem())
    path = server(tmp_path, rest="ledger: {trusted_keys: [floe.pub]}\n")
    own = "artifacts: {promotion: {gate_commands: {tests: pytest -q}}}\n"
    adopted = f'ledger: {{adopted: ["prod#7=sha256:{"a" * 64}"]}}\n'
    write_product(tmp_path, "checkout", own + adopted)

    problems = broken(path, "checkout")

    assert len(problems) == 1
    assert problems[0].startswith("checkout.yaml:5: ledger.adopted: is looser than the defaults")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("promotion.enviroments", "did you mean environments?"),
        ("approvals", "known: registry, promotion, ledger"),
        ("promotion.environments.gates.test", "did you mean tests?"),
        ("ledger.signing", "known: trusted_keys, distrusted_keys, adopted"),
    ],
)
def test_exception_for_no_setting_is_refused(tmp_path: Path, name: str, said: str) -> None:
    path = server(tmp_path, "promotion.policies.any", name)

    with pytest.raises(ConfigError) as caught:
        load(path)

    assert "defaults.may_override[1]: names no setting: " + said in str(caught.value)


@pytest.mark.parametrize("default", ["tls: {verify: true}", "insecure: false", "tls: {}"])
@pytest.mark.parametrize(
    ("name", "own"),
    [("registry.insecure", "insecure: true"), ("registry.tls", "tls: {verify: false}")],
)
def test_product_cannot_turn_off_tls_of_the_defaults(
    tmp_path: Path, default: str, name: str, own: str
) -> None:
    defaults = f"registry: {{uri: 'oci://h.example/{{product}}', {default}}}\n"
    path = server(tmp_path, defaults=defaults)
    write_product(tmp_path, "checkout", f"artifacts: {{registry: {{{own}}}}}")

    assert broken(path, "checkout") == [
        f"checkout.yaml:4: artifacts.{name}: removes settings of the defaults of floe.yaml: remove "
        f"it here, or add {name} to defaults.may_override there"
    ]
    assert dict(load(server(tmp_path, name, defaults=defaults)).broken) == {}


@pytest.mark.parametrize(
    ("default", "repeated"),
    [
        ("oci://eu.example/{product}", "oci://eu.example/checkout"),
        ("oci://eu.example/{product}", "oci://eu.example/{product}"),
        ("oci-layout:./copies/{product}", "oci-layout:../copies/checkout"),
        ("oci-layout:./copies/{product}", "oci-layout:../copies/{product}"),
    ],
)
def test_product_adds_a_secondary_registry_to_that_of_the_defaults(
    tmp_path: Path, default: str, repeated: str
) -> None:
    copies = f"promotion: {{secondary_registries: [{{uri: '{default}'}}]}}\n"
    path = server(tmp_path, defaults=f"registry: {{uri: 'oci://h.example/{{product}}'}}\n{copies}")
    own = f"[{{uri: 'oci://us.example/{{product}}'}}, {{uri: '{repeated}'}}]"
    write_product(
        tmp_path, "checkout", f"artifacts: {{promotion: {{secondary_registries: {own}}}}}"
    )

    found = load(path)

    assert dict(found.broken) == {}
    us, copy = found.products["checkout"].secondaries
    assert us.reference == "us.example/checkout"
    assert copy.reference in ("eu.example/checkout", f"{tmp_path}/copies/checkout")
