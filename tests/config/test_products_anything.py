"""Any content of a product file gives a configuration or a list of problems of this file."""

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.config.server_files import load, write_product, write_server
from tests.config.test_config_anything import VALUES, places, replace

DEFAULTS = """
registry: {uri: 'oci://harbor.example.com/{product}', tls: {verify: true}}
promotion:
  environments:
  - name: dev
  - name: staging
    gates: {tests: {command: pytest}}
  - name: prod
    approvals: {required: 1, groups: [admins]}
  gates: {security_scan: {block_on_secrets: true}}
  gate_commands: {security_scan: [trivy, image]}
  policies: [{name: has-source, rule: size(artifact.layers) > 0}]
  webhooks: [{url: 'https://hooks.example/all'}]
"""
OWN = """
apiVersion: floe.dev/v1
kind: Manifest
metadata: {name: checkout, owner: team}
slack: {channel: C1, channels: [C2]}
ledger: {trusted_keys: [], adopted: []}
artifacts:
  registry:
    uri: oci://harbor.example.com/own
    auth: {type: docker}
    verification:
      trusted_issuers: [{issuer: 'https://ci.example.com', subject_regex: x}]
      environments: {dev: {enforcement: warn}}
  promotion:
    environments:
    - {name: staging, gates: {tests: true}, authorization: {allowed_groups: [admins]}}
    - {name: canary, lock: {locked: true, reason: new, locked_by: sre}}
    - {name: prod, approvals: {required: 2}, gates: {cost_analysis: {command: [cost]}}}
    gates: {security_scan: true}
    gate_commands: {tests: pytest}
    policies: [{name: has-source}, {name: own, rule: 'true'}]
    webhooks: [{url: 'https://hooks.example/all'}]
    secondary_registries: [{uri: 'oci://eu.example.com/own'}]
    audit: {backend: oci}
    default_timeout: 900
"""
TREE = yaml.safe_load(OWN)
ANYTHING = st.one_of(st.just(True), VALUES)


@settings(max_examples=200, deadline=None)
@given(
    replaced=st.lists(st.tuples(st.sampled_from(places(TREE)), ANYTHING), min_size=1, max_size=3)
)
def test_any_value_in_a_product_file_leaves_the_other_products_as_they_are(
    replaced: list[tuple[tuple[Any, ...], Any]],
) -> None:
    tree = copy.deepcopy(TREE)
    for place, value in replaced:
        replace(tree, place, value)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        path = write_server(folder, DEFAULTS)
        write_product(folder, "search", "artifacts: {promotion: {gate_commands: {tests: x}}}\n")
        (folder / "products" / "checkout.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")

        found = load(path)

        assert "search" in found.products
        assert len(found.products) + len(found.broken) == 2
