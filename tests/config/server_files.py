"""Helpers that write a server file with product files, and load them."""

from pathlib import Path
from textwrap import dedent

from engine.config import Installation, load_installation

PRODUCT = "apiVersion: floe.dev/v1\nkind: Manifest\n"


def write_server(folder: Path, defaults: str = "", rest: str = "") -> Path:
    """Write a server file whose products are in `products/`; returns its path."""
    text = "apiVersion: floe.dev/v1\nkind: Server\nproducts: [products/*.yaml]\n" + dedent(rest)
    if defaults:
        text += "defaults:\n" + "".join(
            f"  {line}\n" for line in dedent(defaults).strip().splitlines()
        )
    (folder / "products").mkdir(exist_ok=True)
    path = folder / "floe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def write_product(folder: Path, name: str, text: str = "", file: str | None = None) -> Path:
    """Write the product file of `name`, by default with a registry in the folder `name`."""
    own = dedent(text) or f"artifacts: {{registry: {{uri: oci-layout:./{name}}}}}\n"
    path = folder / "products" / f"{file or name}.yaml"
    path.write_text(f"{PRODUCT}metadata: {{name: {name}}}\n{own}", encoding="utf-8")
    return path


def load(path: Path, **environ: str) -> Installation:
    return load_installation(path, environ)


def broken(path: Path, product: str, **environ: str) -> list[str]:
    """List the problems of a product file as `file:line: path: message`."""
    listed = load(path, **environ).broken[product].details["problems"]
    assert isinstance(listed, list)
    return [
        f"{Path(each['file']).name}:{each['line']}: {each['path']}: {each['message']}"
        for each in listed
    ]
