"""Models in floe's compiled artifacts, and the dependencies between them."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.domain.impact.json_values import JSON, is_same, name_of, scalar_text


@dataclass(frozen=True, slots=True)
class Models:
    """The models of an artifact: `definitions` by name, `dependents` by the model they need."""

    definitions: Mapping[str, list[JSON]]
    dependents: Mapping[str, Mapping[str, None]]

    def changed(self, target: "Models") -> list[str]:
        """List the models that `target` defines differently."""
        theirs = target.definitions
        return [
            name
            for name, ours in self.definitions.items()
            if name in theirs and not is_same(ours, theirs[name])
        ]

    def removed(self, target: "Models") -> list[str]:
        """List the models that `target` does not have, by name."""
        return sorted(self.definitions.keys() - target.definitions.keys())

    def downstream(self, names: Iterable[str], limit: int | None = None) -> list[str]:
        """
        List the models that depend on any of `names`, directly or indirectly, nearest first.

        The search stops after `limit` models. One of `names` is included if it depends on another.
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


def find_models(documents: Iterable[JSON]) -> Models:
    """Collect the models in `models` and `transforms.models`; malformed entries are skipped."""
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
            name = name_of(model)
            if name is not None and isinstance(model, dict):
                yield name, model


def _depends_on(model: dict[str, JSON]) -> Iterator[str]:
    needed = model.get("depends_on")
    for each in needed if isinstance(needed, list) else [needed]:
        name = scalar_text(each) or name_of(each)
        if name is not None:
            yield name
