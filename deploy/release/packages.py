"""Collects the packages that floe.pyz contains: the locked ones, as they are installed."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackagePath, distribution, distributions
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from engine.domain.errors import ConfigError

_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
# Only the installer reads these, and RECORD differs between two installations.
_OF_INSTALLER = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
# 36 MB of functions that no policy of floe can call.
_UNUSED = ("cel_expr_python/ext/",)


def collect(wheel: Path, lock: Path, folder: Path) -> tuple[str, ...]:
    """
    Unpack `wheel` into `folder`, and copy the packages that it needs; return their `name==version`.

    ConfigError if an installed package is not the one in `lock`, or was edited.
    """
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    [floe] = distributions(path=[str(folder)])
    needed = _closure(floe.requires or ())
    locked = {
        str(canonicalize_name(name)): version
        for name, version in _LOCKED.findall(lock.read_text(encoding="utf-8"))
    }
    for name, each in needed.items():
        if locked.get(name) != each.version:
            raise ConfigError(
                f"{name} {each.version} is installed, and {lock.name} has "
                f"{locked.get(name, 'no such package')}. Run: make clean install"
            )
        _copy(each, folder)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return tuple(sorted(f"{name}=={each.version}" for name, each in needed.items()))


def _closure(requirements: Iterable[str]) -> dict[str, Distribution]:
    """Find the installed packages that `requirements` need, by name, without the optional ones."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(each) for each in requirements if _applies(each, frozenset())]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        name, extras = str(canonicalize_name(wanted.name)), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found[name] = distribution(wanted.name)
        more = found[name].requires or ()
        waiting += [Requirement(each) for each in more if _applies(each, extras)]
    return found


def _applies(requirement: str, extras: frozenset[str]) -> bool:
    marker = Requirement(requirement).marker
    return marker is None or any(marker.evaluate({"extra": each}) for each in extras | {""})


def _copy(package: Distribution, folder: Path) -> None:
    for file in _content(package):
        content = file.read_binary()
        recorded = file.hash.value if file.hash and file.hash.mode == "sha256" else None
        if recorded != _digest(content):
            raise ConfigError(
                f"{file} of {package.name} is not as it was installed. Run: make clean install"
            )
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _content(package: Distribution) -> Iterator[PackagePath]:
    for file in package.files or ():
        inside = ".." not in file.parts and "__pycache__" not in file.parts
        tests = "tests" in file.parts[:-1]
        for_installer = file.parts[0].endswith(".dist-info") and file.name in _OF_INSTALLER
        if inside and not tests and not for_installer and not str(file).startswith(_UNUSED):
            yield file


def _digest(content: bytes) -> str:
    """The SHA-256 of `content`, as RECORD spells it."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
