"""Reads the product files of a server file, on top of the settings that they inherit."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.config.cross_checks import product_contradictions
from engine.config.digests import policy_document
from engine.config.error_messages import (
    Node,
    Problem,
    config_error,
    find_unset_secrets,
    translate_errors,
)
from engine.config.ledger import Ledger
from engine.config.load import Config, ServerConfig, product_config
from engine.config.merging import (
    ENVIRONMENTS,
    fill_product,
    merge,
    order_problems,
    repeat_defaults,
)
from engine.config.models import Artifacts
from engine.config.people import Identity, Slack
from engine.config.server_models import OF_SERVER, ProductFile, ProductLedger, ProductSlack
from engine.config.tightening import (
    keep_order,
    loosened_rules,
    redirected_credentials,
    replaced_settings,
    unmentioned_settings,
)
from engine.config.validation_context import ManifestContext, SharedSections
from engine.config.yaml_loader import Document, Key
from engine.domain.errors import ConfigError
from engine.domain.product import is_product_name

_ABSENT = object()
# Sections of which a product has some keys, and the server file all.
_DIVIDED: Mapping[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "slack": (ProductSlack, Slack),
    "ledger": (ProductLedger, Ledger),
}


def product_name(document: Document) -> str | None:
    """The name in the product file `document`; None without a usable one."""
    name = Node(document.tree)["metadata.name"].text
    return name if name is not None and is_product_name(name) else None


@dataclass(frozen=True)
class ProductReader:
    """
    Reads product files of the server file `document`.

    `defaults` are the values of its section, with each text placed in its directory, and `shared`
    their models. `reserved` are the environment variables to which the server file refers.
    """

    document: Document
    server: ServerConfig
    defaults: Mapping[str, Any]
    environ: Mapping[str, str]
    may_override: tuple[str, ...] = ()
    shared: SharedSections = field(default_factory=SharedSections)
    reserved: frozenset[str] = frozenset()

    def read(self, document: Document) -> Config:
        """Build the configuration of a product; ConfigError with all problems of its file."""
        own: Mapping[str, Any] = document.tree
        defaults, artifacts = self._layers(document)
        tree = {**_without_foreign(own), "artifacts": self._artifacts(document)}
        whole = self._inherit(tree)
        exact = ".".join(ENVIRONMENTS) in self.may_override
        server = self.document.path.name
        problems = [
            *self._foreign(own),
            *product_contradictions(whole),
            *order_problems(self.defaults, own.get("artifacts"), exact=exact),
            *replaced_settings(artifacts, defaults, self.may_override, server),
            *redirected_credentials(tree["artifacts"], defaults, self.may_override, server),
        ]
        base = document.path.absolute().parent
        context = ManifestContext(base, self.environ, self.shared, reserved=self.reserved)
        try:
            file = ProductFile.model_validate(tree, context=context)
        except ValidationError as error:
            problems += translate_errors(error, tree, ProductFile)
            raise self.error(document, problems) from error
        if problems:
            raise self.error(document, problems)
        unset = self.locate(document, find_unset_secrets(file))
        config = product_config(
            self.server,
            file.artifacts,
            document.path,
            unset,
            product=file.metadata.name,
            owner=file.metadata.owner,
            slack=self._slack(own, file.slack),
            ledger=self._ledger(own, file.ledger),
        )
        if problems := list(self._loosened(artifacts, defaults, config, context)):
            raise self.error(document, problems)
        return config

    def error(self, document: Document, problems: Iterable[Problem]) -> ConfigError:
        """Build the error with `problems` of the product file `document`."""
        return config_error(document.path, self.locate(document, problems))

    def locate(self, document: Document, problems: Iterable[Problem]) -> list[Problem]:
        """Give problems the file and line in which their values are written."""
        problems = list(dict.fromkeys(problems))
        if not problems:
            return []
        whole = self._inherit({**document.tree, "artifacts": self._artifacts(document)})
        found = [self.located(document, whole, each) for each in problems]
        return sorted(found, key=lambda each: (each.file != document.path, each.line or 0))

    def effective(self, document: Document) -> dict[str, Any]:
        """Build the values that the manifest of a valid product would have without a server."""
        own, shared = document.tree, self.document.tree
        tree = self._inherit({**own, "artifacts": self._artifacts(document)})
        ledger = _section(shared, "ledger")
        added = {
            key: [*ledger.get(key, ()), *values] for key, values in _section(own, "ledger").items()
        }
        sections = {
            "slack": {**_section(shared, "slack"), **_section(own, "slack")},
            "ledger": {**ledger, **added},
            "state": _section(shared, "state"),
        }
        return {**tree, **{name: section for name, section in sections.items() if section}}

    def _artifacts(self, document: Document) -> Any:
        defaults, own = self._layers(document)
        return merge(defaults, own, exact=".".join(ENVIRONMENTS) in self.may_override)

    def _layers(self, document: Document) -> tuple[Mapping[str, Any], Any]:
        """Return the defaults and the `artifacts` of a product, with its name in addresses."""
        name = product_name(document) or "product"
        defaults = fill_product(self.defaults, name)
        own = fill_product(document.tree.get("artifacts", {}), name)
        return defaults, repeat_defaults(defaults, own, document.path.absolute().parent)

    def _inherit(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        """Build the manifest that a product has with the sections of the server file."""
        shared: Mapping[str, Any] = self.document.tree
        ledger, own = _section(shared, "ledger"), tree.get("ledger", {})
        both = {**ledger, **own} if isinstance(own, dict) else own
        sections = {name: shared[name] for name in ("identity", "web") if name in shared}
        return {**tree, **sections, **({"ledger": both} if both else {})}

    def _foreign(self, own: Mapping[str, Any]) -> Iterator[Problem]:
        message = f"belongs in the server file, {self.document.path.name}: remove it here"
        for section in OF_SERVER:
            if section in own:
                yield Problem((section,), message)
        for section, key in _foreign_keys(own):
            yield Problem((section, key), message)

    def located(self, document: Document, whole: Any, problem: Problem) -> Problem:
        """Give a problem in `whole`, which is `document` with its defaults, its file and line."""
        path = problem.path
        written = _path_in(document.tree, whole, path)
        if written is not None:
            return _at(document, problem, written)
        shared = ("defaults", *path[1:]) if path[0] == "artifacts" else path
        root = {**whole, "defaults": whole["artifacts"]}
        written = _path_in(self.document.tree, root, shared)
        if written is not None:
            return _at(self.document, problem, written)
        return _at(document, problem, path)

    def _loosened(
        self,
        own: Mapping[str, Any],
        defaults: Mapping[str, Any],
        config: Config,
        context: ManifestContext,
    ) -> Iterator[Problem]:
        """Find the rules that are looser than the defaults, which all products must meet."""
        exact = ".".join(ENVIRONMENTS) in self.may_override
        tree = merge(defaults, unmentioned_settings(own, defaults))
        tree = keep_order(tree, defaults, exact=exact)
        artifacts = Artifacts.model_validate(tree, context=context)
        required = product_config(self.server, artifacts, config.file, (), product=config.product)
        before, after = (
            # People are those of the server in both.
            policy_document(each.path, each.policies, each.verification, Identity(), each.ledger)
            for each in (required, config)
        )
        server = self.document.path.name
        return loosened_rules(before, after, self.may_override, server)

    def _slack(self, own: Mapping[str, Any], slack: ProductSlack) -> Slack:
        shared = self.server.slack
        if "slack" not in own:
            return shared
        return shared.of_product(slack.channel, slack.channels, slack.notify)

    def _ledger(self, own: Mapping[str, Any], ledger: ProductLedger) -> Ledger:
        shared = self.server.ledger
        if "ledger" not in own:
            return shared
        return shared.model_copy(
            update={
                "trusted_keys": (*shared.trusted_keys, *ledger.trusted_keys),
                "distrusted_keys": (*shared.distrusted_keys, *ledger.distrusted_keys),
                "adopted": (*shared.adopted, *ledger.adopted),
            }
        )


def _section(tree: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = tree.get(name)
    return section if isinstance(section, dict) else {}


def _foreign_keys(own: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for section, (of_product, of_server) in _DIVIDED.items():
        keys = own.get(section)
        for key in keys if isinstance(keys, dict) else ():
            if key in of_server.model_fields and key not in of_product.model_fields:
                yield section, key


def _without_foreign(own: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the values without keys of the server file, about which there is a problem already."""
    tree = dict(own)
    for section, key in _foreign_keys(own):
        tree[section] = {name: value for name, value in tree[section].items() if name != key}
    return tree


def _at(document: Document, problem: Problem, written: tuple[Key, ...]) -> Problem:
    return replace(problem, file=document.path, line=document.line(written), written=written)


def _path_in(tree: Any, whole: Any, path: tuple[Key, ...]) -> tuple[Key, ...] | None:
    """Find the value at `path` of `whole` in `tree`, where entries may have other indexes."""
    found: list[Key] = []
    for key in path:
        inner = _value(whole, key)
        here = _same_entry(tree, inner, key) if isinstance(key, int) else key
        tree, whole = _value(tree, here), inner
        if tree is _ABSENT:
            return None
        found.append(here)
    return tuple(found)


def _same_entry(entries: Any, entry: Any, index: int) -> int:
    """Find the entry of the same name; `index` for entries without names, -1 if there is none."""
    name = Node(entry)["name"].text
    if name is None or not isinstance(entries, list):
        return index
    return next((i for i, each in enumerate(entries) if Node(each)["name"].text == name), -1)


def _value(tree: Any, key: Key) -> Any:
    if isinstance(tree, dict):
        return tree.get(key, _ABSENT)
    inside = isinstance(tree, list) and isinstance(key, int) and 0 <= key < len(tree)
    return tree[key] if inside else _ABSENT
