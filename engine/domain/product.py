"""The names of products, and of their environments among those of all products."""

import re

# The key of the product where there is one manifest, which needs no name.
UNNAMED = ""
MAX_NAME = 64
NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_COMMAND = re.compile(
    r"\bfloe (?>platform (?:audit [a-z]+|changes show\b|[a-z]+)|keys rotate|changes show|"
    # The short forms.
    r"promote|rollback|lock|unlock|status|versions|changes|open|approve|reject|cancel|history)\b"
    r"(?! --(?:product|all)\b)",
    re.ASCII,
)


def is_product_name(text: str) -> bool:
    """Whether a product can have the name `text`."""
    return len(text) <= MAX_NAME and NAME.fullmatch(text) is not None


def with_product(text: str, product: str) -> str:
    """Return `text` with `--product` in each command for `product`, if it has a name."""
    return _COMMAND.sub(rf"\g<0> --product {product}", text) if is_product_name(product) else text


def qualified(product: str, environment: str) -> str:
    """
    Return the name of `environment` among those of all products: `checkout/prod`.

    It is `prod` for the product without a name. Neither name can contain a slash.
    """
    return f"{product}/{environment}" if product else environment


def split_place(place: str) -> tuple[str, str]:
    """Return the product, which may be unnamed, and the environment of a `qualified` name."""
    product, _, environment = place.rpartition("/")
    return product, environment


def unqualified(product: str, place: str) -> str:
    """Return the name that the environment `place` has within `product`; see `qualified`."""
    return place.removeprefix(f"{product}/") if product else place
