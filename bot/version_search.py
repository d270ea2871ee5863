"""Finds published versions for the select of the promotion form."""

import logging
from collections.abc import Sequence

from bot.blocks.elements import Block
from bot.catalog import Catalog
from bot.modal_inputs import MOST_OPTIONS, option
from bot.payloads import Body, read_click_origin, read_text
from bot.slack_text import normalize
from engine.domain.errors import PromotionError
from engine.domain.versions import is_version

_log = logging.getLogger(__name__)
# Slack waits three seconds for the options, also of the first search after a start.
_PATIENCE_SECONDS = 1.5


def find_versions(catalog: Catalog, body: Body) -> Sequence[Block]:
    """
    List the versions that contain the typed text, newest first, and where each is.

    They are those of the last listing. A typed version is offered too, since it may be newer.
    """
    typed = normalize(read_text(body, "value")).strip()
    product = read_text(body, "action_id").partition(":")[2]
    platform = catalog.visible(read_click_origin(body)).get(product)
    if platform is None:
        return []
    try:
        rows = platform.engine.versions.search(typed, MOST_OPTIONS, _PATIENCE_SECONDS)
    except PromotionError as error:
        _log.warning("the versions of %s cannot be listed: %s", product or "the product", error)
        rows = ()
    found = [option(row.version, row.description) for row in rows]
    if is_version(typed) and typed not in [row.version for row in rows]:
        found = [*found[: MOST_OPTIONS - 1], option(typed)]
    return found
