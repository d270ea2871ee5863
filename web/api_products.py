"""The products of the server as JSON, as they were last read."""

from collections.abc import Iterator

from flask import Blueprint, Response, jsonify

from engine.domain.change import Change
from engine.domain.errors import PromotionError
from engine.responses.common import ErrorInfo
from engine.responses.product import ProductResponse
from engine.responses.status import EnvironmentResponse
from web.authentication import admit_reader, visible_broken, visible_sites
from web.product_rows import state_of
from web.site import API, Site, shared

catalog = Blueprint("catalog", __name__, url_prefix=API)


@catalog.get("/products")
def products() -> Response:
    """Return all products, without a request to a registry."""
    admit_reader()
    return jsonify([each.document() for each in _answers()])


def _answers() -> Iterator[ProductResponse]:
    pending = shared().products.store.open()
    sites, broken = visible_sites(), visible_broken()
    for name, site in sites.items():
        of_product = tuple(change for change in pending if change.product == name)
        yield _answer(site, of_product, broken.get(name))
    for name, error in broken.items():
        if name in sites:
            continue
        yield ProductResponse.build(
            product=name, state="broken", environments=(), error=ErrorInfo.of(error)
        )


def _answer(
    site: Site, pending: tuple[Change, ...], broken: PromotionError | None
) -> ProductResponse:
    """The answer about a product; one whose file became wrong has its last version."""
    seen, reports = site.board.last(), site.platform.deployments.all()
    error = broken or seen.error
    environments = tuple(
        EnvironmentResponse.of(
            row, [each for each in pending if each.target == row.name], reports.get(row.name, ())
        )
        for row in seen.rows
    )
    return ProductResponse.build(
        product=site.platform.product or None,
        owner=site.platform.owner,
        state="broken" if broken else state_of(seen)[0],
        read_at=seen.at,
        environments=environments,
        error=ErrorInfo.of(error) if error else None,
    )
