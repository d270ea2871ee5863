"""Loads a server file with its products, or a single manifest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.config.error_messages import Problem, config_error, in_document, parse_place, suggest
from engine.config.load import Config, ServerConfig, manifest_config
from engine.config.yaml_loader import read_document
from engine.domain.errors import ConfigError, UsageError
from engine.domain.product import UNNAMED

Judge = Callable[[Config], object]

__all__ = ["Installation", "ProductChoice", "ServerConfig", "load_installation", "load_product"]

# The manifest that says for which product a command in the working directory is.
_HERE = Path("manifest.yaml")


@dataclass(frozen=True)
class Installation:
    """
    A server and its products, as the file `file` says.

    `products` are by name, in the order of their files. `several` is false for a single manifest,
    which has one product without a name. `broken` are the errors of product files that cannot be
    used, by name, or by file if the name is missing or taken. `files` are all product files.
    `warnings` are printed when `floe serve` starts.
    """

    file: Path
    server: ServerConfig
    products: Mapping[str, Config]
    broken: Mapping[str, ConfigError]
    several: bool
    files: tuple[Path, ...]
    warnings: tuple[str, ...]


def load_installation(
    path: Path, environ: Mapping[str, str], judge: Judge | None = None
) -> Installation:
    """
    Load the server file or manifest `path`; ConfigError if it is wrong.

    An error in a product file leaves the other products as they are: it is in `broken`. `judge`
    raises ConfigError for a product with another mistake, like a policy that does not compile.
    """
    document = read_document(path)
    if document.tree.get("kind") == "Server":
        # Loaded for server files only: commands with one manifest start without it.
        read = import_module("engine.config.server_file").read_installation
        installation: Installation = read(document, environ, judge)
        return installation
    config = manifest_config(document, environ)
    judge_product(judge, config, partial(in_document, document))
    return Installation(path, config, {UNNAMED: config}, {}, False, (), config.warnings)


@dataclass(frozen=True)
class ProductChoice:
    """The manifest or server file of a command, and the name of its product, if it was given."""

    file: Path
    name: str | None = None

    def load(self, environ: Mapping[str, str]) -> Config:
        """Load the product; see `load_product`."""
        return load_product(self.file, environ, self.name)


def load_product(path: Path, environ: Mapping[str, str], product: str | None) -> Config:
    """
    Load one product of the server file `path`, or the manifest `path`.

    `product` may be None if there is only one, or if the file of one is manifest.yaml in the
    working directory. UsageError for another one, and ConfigError if its file is wrong.
    """
    installation = load_installation(path, environ)
    if not installation.several:
        return _only(installation, product)
    names = [*installation.products, *installation.broken]
    name = product if product is not None else _product_here(installation)
    if name is None and len(names) != 1:
        raise UsageError(
            f"{path} has {len(names)} products: name one with --product ({', '.join(names)})"
        )
    name = names[0] if name is None else name
    if name in installation.products:
        return installation.products[name]
    if name in installation.broken:
        raise installation.broken[name]
    raise UsageError(f"{path} has no product {name}; {suggest(name, names)}")


def _product_here(installation: Installation) -> str | None:
    """The product whose file is the manifest in the working directory."""
    files = {name: config.file for name, config in installation.products.items()}
    files |= {name: Path(str(error.details["file"])) for name, error in installation.broken.items()}
    here = _HERE.resolve()
    return next((name for name, file in files.items() if file.resolve() == here), None)


def _only(installation: Installation, product: str | None) -> Config:
    if product:
        raise UsageError(
            f"{installation.file} is not a server file, so it has no product {product}: leave "
            "--product out"
        )
    return installation.products[UNNAMED]


def judge_product(
    judge: Judge | None, config: Config, locate: Callable[[list[Problem]], list[Problem]]
) -> None:
    """Judge a product; its problems get the file and line in which they are written."""
    try:
        if judge:
            judge(config)
    except ConfigError as error:
        named: Any = error.details.get("problems", ())
        problems = [Problem(parse_place(each["path"]), each["message"]) for each in named]
        raise (config_error(config.file, locate(problems)) if problems else error) from error
