"""`make dist`: a wheel, floe.pyz, their checksums and their attestations, in dist/."""

import hashlib
import os
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from deploy.release.packages import collect
from deploy.release.provenance import Source, attest, read_source
from engine.adapters.signing.loading import read_private_file
from engine.attestation.keys import load_der
from engine.domain.errors import ConfigError, PromotionError
from engine.ports.signer import Signer

ROOT = Path(__file__).parents[2]
_SECONDS = 1800
# A zip file that another Python or machine starts would end with a traceback of a library.
_PREAMBLE = """import sys, sysconfig
found = (sys.version_info[:2], sysconfig.get_platform())
if found != {wanted!r}:
    print(
        "floe.pyz is for Python {version} on {platform}, and this is Python "
        "%d.%d on %s. Name another Python: python{version} floe.pyz …" % (*found[0], found[1]),
        file=sys.stderr,
    )
    sys.exit(2)
"""


@click.command()
@click.option("--key", default="", help="The private key that signs the attestations, in PEM.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "dist", show_default=True)
def main(key: str, out: Path) -> None:
    """Build the files of a release into a directory."""
    try:
        for line in build(_signer(key), out):
            click.echo(line)
    except PromotionError as error:
        click.echo(f"Not built: {error}", err=True)
        raise click.exceptions.Exit(error.exit_code) from error


def build(signer: Signer, out: Path) -> list[str]:
    """Build everything into `out`, and return the lines of SHA256SUMS."""
    source = read_source(ROOT)
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        source = replace(source, time=int(given))
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="floe-dist-") as folder:
        wheel = _wheel(out, source)
        packages = collect(wheel, ROOT / "requirements.lock", Path(folder) / "packages")
        pyz = _pyz(Path(folder), out, source)
    files = [wheel, pyz]
    files += [attest(each, signer, source, packages) for each in (wheel, pyz)]
    sums = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}" for each in files]
    (out / "SHA256SUMS").write_text("".join(f"{line}\n" for line in sums), encoding="utf-8")
    return sums


def _signer(key: str) -> Signer:
    if not key:
        raise ConfigError(
            "no key signs the release. Run: make dist KEY=release.key "
            "(floe keys generate --out release.key makes one)"
        )
    signer = read_private_file(Path(key), key)
    public = load_der(signer.public_key())
    # `openssl dgst -verify`, with which people check a release, has no Ed25519.
    if public is None or public.kind != "ecdsa":
        raise ConfigError(f"{key} is no ECDSA P-256 key. Run: floe keys generate --out release.key")
    return signer


def _wheel(out: Path, source: Source) -> Path:
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", str(out)]
    for older in out.glob("floe-*.whl"):
        older.unlink()
    _run(["pip", "wheel", *options, str(ROOT)], source)
    [wheel] = out.glob("floe-*.whl")
    return wheel


def _pyz(folder: Path, out: Path, source: Source) -> Path:
    version, platform = f"{sys.version_info[0]}.{sys.version_info[1]}", sysconfig.get_platform()
    preamble = folder / "python_version.py"
    wanted = (sys.version_info[:2], platform)
    preamble.write_text(_PREAMBLE.format(wanted=wanted, version=version, platform=platform))
    preamble.chmod(0o755)
    pyz = out / "floe.pyz"
    _run(
        [
            *("shiv", "--reproducible", "--compressed", "--entry-point", "cli.main:main"),
            *("--python", "/usr/bin/env python3", "--preamble", str(preamble)),
            *("--site-packages", str(folder / "packages"), "--output-file", str(pyz)),
        ],
        source,
    )
    return pyz


def _run(command: list[str], source: Source) -> None:
    """Run a module of Python; ConfigError with its output if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(source.time)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
    )
    if done.returncode:
        raise ConfigError(f"{command[0]} failed: {done.stdout.strip()[-2000:]}")


if __name__ == "__main__":
    main()
