"""Models in floe's compiled artifacts: which are gone or changed, and what is built on them."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.domain.impact.json_values import JSON, label, same, scalar_text


@dataclass(frozen=True, slots=True)
class Models:
    """`definitions` by name; `dependents` are the models that name it in their `depends_on`."""

    definitions: Mapping[str, list[JSON]]
    dependents: Mapping[str, Mapping[str, None]]

    def changed(self, target: "Models") -> list[str]:
        """The models that `target` defines differently."""
        theirs = target.definitions
        return [
            name
            for name, ours in self.definitions.items()
            if name in theirs and not same(ours, theirs[name])
        ]

    def removed(self, target: "Models") -> list[str]:
        """The models that `target` does not have, by name."""
        return sorted(self.definitions.keys() - target.definitions.keys())

    def downstream(self, names: Iterable[str], limit: int | None = None) -> list[str]:
        """
        The models that depend on any of `names`, over however many steps, nearest first; at most
        `limit`, after which the search stops. One of `names` is there if it depends on another.
        """
        found: dict[str, None] = {}
        pending = deque(names)
        while pending:
            for name in self.dependents.get(pending.popleft(), {}):
                if name in found:
                    continue
                found[name] = None
                if len(found) == limit:
                    return list(found)
                pending.append(name)
        return list(found)


def models_of(documents: Iterable[JSON]) -> Models:
    """The models in `models` and `transforms.models` of `documents`; odd entries are left out."""
    definitions: dict[str, list[JSON]] = {}
    dependents: dict[str, dict[str, None]] = {}
    for document in documents:
        for name, model in _models(document):
            definitions.setdefault(name, []).append(model)
            for needed in _depends_on(model):
                if needed != name:
                    dependents.setdefault(needed, {})[name] = None
    return Models(definitions, dependents)


def _models(document: JSON) -> Iterator[tuple[str, dict[str, JSON]]]:
    if not isinstance(document, dict):
        return
    for holder in (document, document.get("transforms")):
        models = holder.get("models") if isinstance(holder, dict) else None
        for model in models if isinstance(models, list) else ():
            name = label(model)
            if name is not None and isinstance(model, dict):
                yield name, model


def _depends_on(model: dict[str, JSON]) -> Iterator[str]:
    needed = model.get("depends_on")
    for each in needed if isinstance(needed, list) else [needed]:
        name = scalar_text(each) or label(each)
        if name is not None:
            yield name
