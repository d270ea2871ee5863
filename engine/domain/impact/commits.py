"""Links that compare the commits of two builds, from the annotations of their manifests."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

SOURCE = "org.opencontainers.image.source"
REVISION = "org.opencontainers.image.revision"
_REVISION = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}", re.ASCII)
_PATH = re.compile(r"(/[0-9A-Za-z_.~-]+){2,8}", re.ASCII)
_HOST = re.compile(r"[0-9a-z.-]+(:[0-9]{1,5})?", re.ASCII)
# By a word in the host name. Bitbucket names the newer revision first.
_LINKS = {
    "github": "{base}/compare/{old}...{new}",
    "gitlab": "{base}/-/compare/{old}...{new}",
    "bitbucket": "{base}/branches/compare/{new}..{old}",
    "gitea": "{base}/compare/{old}...{new}",
    "forgejo": "{base}/compare/{old}...{new}",
    "codeberg": "{base}/compare/{old}...{new}",
}


def compare_url(running: Mapping[str, str], coming: Mapping[str, str]) -> str | None:
    """
    The page with the commits between two builds, given their annotations; None without one.

    Both builds need the same repository, at an https address of GitHub, GitLab, Bitbucket or Gitea,
    and different revisions.
    """
    base, other = _repository(running.get(SOURCE, "")), _repository(coming.get(SOURCE, ""))
    old, new = running.get(REVISION, ""), coming.get(REVISION, "")
    if base is None or base != other or old == new or not (_is_plain(old) and _is_plain(new)):
        return None
    host = urlsplit(base).netloc
    link = next((link for word, link in _LINKS.items() if word in host), None)
    return link and link.format(base=base, old=quote(old, safe=""), new=quote(new, safe=""))


def _repository(source: str) -> str | None:
    """The address without `.git`, query and fragment; None if it is not one of a repository."""
    try:
        parts = urlsplit(source.strip())
    except ValueError:
        return None
    path = parts.path.rstrip("/").removesuffix(".git")
    host = parts.netloc.lower()
    if parts.scheme != "https" or not _HOST.fullmatch(host) or not _PATH.fullmatch(path):
        return None
    return None if ".." in path.split("/") else f"https://{host}{path}"


def _is_plain(revision: str) -> bool:
    return _REVISION.fullmatch(revision) is not None and ".." not in revision
