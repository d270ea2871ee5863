"""The types of answers: each is parsed as manifest.yaml would parse it."""

from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from cli.init.answers import NONE


class Checked(click.ParamType[str]):
    """A value that manifest.yaml may have at that place."""

    def __init__(self, name: str, kind: Any) -> None:
        self.name, self._kind = name, kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip()
        try:
            return str(TypeAdapter(self._kind).validate_python(text))
        except ValidationError as error:
            first = error.errors()[0]
            self.fail(str(first.get("ctx", {}).get("error", first["msg"])), param, ctx)


class Registry(Checked):
    """An address of a registry, in which oci:// may be left out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip()
        bare = "/" in text and "://" not in text and not text.startswith("oci-layout:")
        return super().convert(f"oci://{text}" if bare else text, param, ctx)


class Channel(click.ParamType[str]):
    """The id of a channel, or none."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip()
        if text in ("", NONE):
            return ""
        if not (text.isascii() and text.isalnum() and text.isupper() and text[0] in "CG"):
            self.fail(
                "must be the id of the channel, like C01DEPLOY: open the channel in Slack and "
                "click its name; the id is at the bottom",
                param,
                ctx,
            )
        return text


class OrNone(click.ParamType[str]):
    """A value of the type `inner`, or the word `none`, which is empty."""

    def __init__(self, inner: Checked) -> None:
        self._inner, self.name = inner, inner.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return "" if value in ("", NONE) else self._inner.convert(value, param, ctx)


class Listed(click.ParamType[tuple[str, ...]]):
    """Values of the type `inner`, separated by commas; the word `nothing` is no value."""

    def __init__(self, inner: Checked, nothing: str = "") -> None:
        self._inner, self._nothing, self.name = inner, nothing, f"{inner.name},…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        if value == self._nothing:
            return ()
        each = [self._inner.convert(part, param, ctx) for part in str(value).split(",")]
        return tuple(dict.fromkeys(each))


class Environments(Listed):
    """The environments, of which there are at least two."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        names = super().convert(value, param, ctx)
        if len(names) < 2:
            self.fail("must be at least two: versions go from one to the next", param, ctx)
        return names
