"""The platform the bot is tested on."""

MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {uri: "oci-layout:./registry"}
  promotion:
    environments:
      - name: dev
      - name: staging
        gates: {tests: true}
      - name: prod
        gates:
          tests: {command: [%(tests)s]}
          cost_analysis: {command: ["true"]}
        authorization: {allowed_groups: [developers]}
        approvals: {required: %(required)d, groups: [release-managers], expires_after: %(expires)s}
    gate_commands: {tests: "true"}
identity:
  groups:
    developers: [alice@acme.com, dave@acme.com]
    release-managers: [bob@acme.com, carol@acme.com, alice@acme.com]
slack: {%(slack)s}
web: {base_url: "https://floe.acme.com"}
"""
