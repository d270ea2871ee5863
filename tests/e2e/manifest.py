"""The platform of the end-to-end tests, and its gates."""

from tests.manifests import manifest


def slack_manifest(uri: str, channel: str) -> str:
    # Besides Slack's user group of that name, for people of other interfaces.
    managers = "carol@acme.com"
    return manifest(
        'tests: {command: [sh, gate.sh, "${VERSION}"]}',
        """cost_analysis: {command: [sh, -c, "echo '<!channel> & +3 EUR'"]}""",
        uri=uri,
        managers=managers,
        identity="lockers: [release-managers]",
        interfaces=f"slack: {{channel: {channel}}}",
    )


# Versions 6.x fail; versions 7.x and 0.7 pass once a test releases them.
GATE = """
case "$1" in
  v6.*) echo 'burn rate 3.1 > 2.0 & rising <!channel>'; exit 1 ;;
  v7.*|v0.7.*) while [ ! -e "let-$1" ]; do sleep 0.1; done ;;
esac
echo 41 passed
"""
