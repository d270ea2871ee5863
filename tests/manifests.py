"""A platform for tests of interfaces: prod needs gates, a group, and an approval."""

_MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "%(uri)s"}
  promotion:
    environments:
      - name: dev
      - name: staging
        gates: {tests: true}
      - name: prod
        gates: {%(gates)s}
        authorization: {allowed_groups: [developers]}
        approvals: {required: %(required)d, groups: [release-managers], expires_after: %(expires)s}
    gate_commands: {tests: "true"}
    %(promotion)s
identity:
  groups:
    developers: [alice@acme.com, dave@acme.com]
    release-managers: [%(managers)s]
  %(identity)s
%(interfaces)s
"""


def manifest(
    *gates: str,
    uri: str = "oci-layout:./registry",
    managers: str = "bob@acme.com, carol@acme.com, alice@acme.com",
    required: int = 1,
    expires: str = "4h",
    promotion: str = "",
    identity: str = "",
    interfaces: str = "",
) -> str:
    """Return a manifest. `gates` are those of prod, each `name: {…}`.

    `promotion`, `identity` and `interfaces` are lines for `artifacts.promotion`, for `identity`
    and for the end.
    """
    return _MANIFEST % {
        "uri": uri,
        "gates": ", ".join(gates),
        "managers": managers,
        "required": required,
        "expires": expires,
        "promotion": promotion.replace("\n", "\n    "),
        "identity": identity,
        "interfaces": interfaces,
    }
