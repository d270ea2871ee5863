"""The platform that is promoted end to end, and what verifies it."""

MANIFEST = """
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
        gates:
          tests: {command: [sh, gate.sh, "${VERSION}"]}
          cost_analysis: {command: [sh, -c, "echo '<!channel> & +3 EUR'"]}
        authorization: {allowed_groups: [developers]}
        approvals: {required: 1, groups: [release-managers], expires_after: 4h}
    gate_commands: {tests: "true"}
identity:
  groups:
    developers: [alice@acme.com, dave@acme.com]
    # Beside Slack's user group of that name, for whoever comes through another face.
    release-managers: [carol@acme.com]
slack: {channel: %(channel)s}
"""

# Versions of 6 do not pass, those of 7 pass once somebody lets them.
GATE = """
case "$1" in
  v6.*) echo 'burn rate 3.1 > 2.0 & rising <!channel>'; exit 1 ;;
  v7.*) while [ ! -e "let-$1" ]; do sleep 0.1; done ;;
esac
echo 41 passed
"""
