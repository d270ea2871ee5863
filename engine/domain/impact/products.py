"""The products of an artifact: the names and ids that builds write into it."""

from collections.abc import Iterable, Iterator, Mapping

from engine.domain.impact.json_values import JSON, scalar_text

_KEYS = ("product", "product_id", "product_name", "productId", "productName")
# floe's compiler writes metadata.product_name and identity.product_id.
_HOLDERS = ("metadata", "identity")
_ANNOTATIONS = (".product.name", ".product.id")


def find_products(documents: Iterable[JSON], annotations: Mapping[str, str]) -> Iterator[str]:
    """Find products in the JSON `documents` and in the manifest's `annotations`, unsorted."""
    for document in documents:
        if isinstance(document, dict):
            yield from _products_in(document)
            for holder in map(document.get, _HOLDERS):
                if isinstance(holder, dict):
                    yield from _products_in(holder)
    for key, text in annotations.items():
        if key.endswith(_ANNOTATIONS):
            yield from _texts(text)


def merge_spellings(names: Iterable[str]) -> list[str]:
    """Write the name and the id of one product as `Sales mart (sales-mart)`."""
    spellings: dict[str, list[str]] = {}
    for name in names:
        key = "".join(filter(str.isalnum, name.casefold())) or name
        spellings.setdefault(key, []).append(name)
    found = spellings.values()
    return [f"{one} ({', '.join(more)})" if more else one for one, *more in found]


def _products_in(holder: dict[str, JSON]) -> Iterator[str]:
    for key in _KEYS:
        yield from _texts(holder.get(key))
    several = holder.get("products")
    for product in several if isinstance(several, list) else ():
        yield from _texts(product)


def _texts(product: JSON) -> Iterator[str]:
    values = [product.get("id"), product.get("name")] if isinstance(product, dict) else [product]
    for value in values:
        text = scalar_text(value)
        if text is not None:
            yield text
