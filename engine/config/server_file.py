"""Reads a server file (`kind: Server`) with its products."""

import glob
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from engine.config.connection import EmbeddedRegistry, RegistrySettings
from engine.config.cross_checks import server_contradictions
from engine.config.error_messages import Problem
from engine.config.installation import Installation, Judge, judge_product
from engine.config.load import Config, shared_config, validate
from engine.config.merging import fill_product, place_texts
from engine.config.products import ProductReader, product_name
from engine.config.roles import unmatched_products
from engine.config.server_models import ServerFile
from engine.config.tightening import override_problems
from engine.config.validation_context import ManifestContext
from engine.config.yaml_loader import Document, Key, read_document
from engine.domain.errors import ConfigError
from engine.domain.text import printable


def read_installation(
    document: Document, environ: Mapping[str, str], judge: Judge | None
) -> Installation:
    """Read the products of the server file `document`; see `load_installation`."""
    file, reader = read_server(document, environ)
    files, warnings = _product_files(document, file.products)
    products, broken = _read_products(reader, files, judge)
    for config in products.values():
        warnings += [f"{config.product}: {sentence}" for sentence in config.product_warnings]
    warnings += reader.server.shared_warnings
    for pattern in unmatched_products(file.identity.roles, {*products, *broken}):
        warnings.append(f"{document.path}: no product matches {pattern} of identity.roles")
    return Installation(
        document.path, reader.server, products, broken, True, tuple(files), tuple(warnings)
    )


def read_server(document: Document, environ: Mapping[str, str]) -> tuple[ServerFile, ProductReader]:
    """Read the server file `document` without its products; ConfigError if it is wrong."""
    base = document.path.absolute().parent
    defaults = place_texts(document.tree.get("defaults", {}), base)
    # With an example of a name, addresses that contain {product} are valid.
    tree = {**document.tree, "defaults": fill_product(defaults, "product")}
    context = ManifestContext(base, environ, shares=True)
    contradictions = [
        *server_contradictions(document.tree),
        *override_problems(document.tree),
    ]
    file = validate(ServerFile, replace(document, tree=tree), context, contradictions)
    reader = ProductReader(
        document=document,
        server=shared_config(document, file),
        defaults={key: defaults[key] for key in ("registry", "promotion") if key in defaults},
        environ=environ,
        may_override=file.defaults.may_override,
        shared=context.shared,
        reserved=frozenset(context.variables),
    )
    return file, reader


def _product_files(document: Document, patterns: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Find the files of `patterns`, each once, and warn about patterns that match none."""
    folder = document.path.parent
    found: dict[Path, None] = {}
    warnings = []
    for pattern in patterns:
        # Path.glob refuses absolute patterns, and finds the hidden files of editors.
        names = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207
        paths = sorted(folder / name for name in names)
        files = [each for each in paths if each.is_file() and each != document.path]
        if not files:
            warnings.append(f"{document.path}: no file matches {printable(pattern)} of products")
        found |= dict.fromkeys(files)
    return list(found), warnings


def _read_products(
    reader: ProductReader, files: Iterable[Path], judge: Judge | None
) -> tuple[dict[str, Config], dict[str, ConfigError]]:
    """Read product files; of files that exclude each other, none counts."""
    read: list[tuple[Document, Config]] = []
    wrong: list[tuple[Path, str | None, ConfigError]] = []
    for file in files:
        name = None
        try:
            document = read_document(file)
            name = product_name(document)
            config = reader.read(document)
            judge_product(judge, config, partial(reader.locate, document))
        except ConfigError as error:
            wrong.append((file, name, error))
        else:
            read.append((document, config))
    owners = _owners(config for _, config in read)
    products: dict[str, Config] = {}
    for document, config in read:
        if problems := list(_conflicts(config, owners)):
            wrong.append((config.file, config.product, reader.error(document, problems)))
        else:
            products[config.product] = config
    broken: dict[str, ConfigError] = {}
    for path, name, problem in wrong:
        problem.details["file"] = str(path)
        broken[_broken_key(path, name, {*products, *broken})] = problem
    return products, broken


def _owners(configs: Iterable[Config]) -> Mapping[str, list[Config]]:
    """The products that have each name and each repository."""
    owners: defaultdict[str, list[Config]] = defaultdict(list)
    for config in configs:
        for each in (config.product, *repositories_of(config)):
            owners[each].append(config)
    return owners


def _conflicts(config: Config, owners: Mapping[str, list[Config]]) -> Iterator[Problem]:
    for other in owners[config.product]:
        if other is not config:
            yield Problem(
                ("metadata", "name"), f"{config.product} is the product of {other.file} too"
            )
    for repository, path in repositories_of(config).items():
        for other in owners[repository]:
            if other is not config:
                text = f"is the repository of the product {other.product} too"
                yield Problem((*path, "uri"), text)


def repositories_of(config: Config) -> dict[str, tuple[Key, ...]]:
    """Return the repositories of a product, in one spelling, and where the manifest has them."""
    places: list[tuple[RegistrySettings, tuple[Key, ...]]] = [
        (config.registry, ("artifacts", "registry"))
    ]
    for index, registry in enumerate(config.secondaries):
        path = ("artifacts", "promotion", "secondary_registries", index)
        places.append((registry, path))
    return {
        str(each.layout.resolve()) if isinstance(each, EmbeddedRegistry) else each.canonical: path
        for each, path in places
    }


def _broken_key(file: Path, name: str | None, taken: set[str]) -> str:
    """The name of a product that cannot be used, or a name of its file that no product has."""
    keys = (name, file.stem, str(file))
    return next(key for key in keys if key is not None and key not in taken)
