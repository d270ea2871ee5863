"""Give the changes of a single manifest to a product of a server file."""

from engine.adapters.store import statements as sql
from engine.adapters.store.rows import select
from engine.domain.change import Change
from engine.domain.product import qualified
from engine.runtime.database import Database

# Changes in one transaction, so that other writers do not wait for thousands.
_AT_ONCE = 200


def adopt_changes(database: Database, product: str) -> int:
    """
    Give the changes without a product to `product`; return how many those were.

    Running servers would keep their claims on the changes, so they must be stopped before.
    """
    adopted = 0
    while number := _adopt_some(database, product):
        adopted += number
    with database.write() as db:
        db.execute(sql.FORGET_UNNAMED_CLAIMS)
        db.execute(sql.ADOPT_RUNS, [qualified(product, "")])
        db.execute(sql.ADOPT_OUTPUTS, [qualified(product, "")])
    return adopted


def _adopt_some(database: Database, product: str) -> int:
    with database.write() as db:
        changes = select(db, sql.UNNAMED, _AT_ONCE)
        for change in changes:
            db.execute(sql.ADOPT, [product, _document(change, product), change.id])
            db.execute(sql.ADOPT_KEYS, [qualified(product, ""), change.id])
    return len(changes)


def _document(change: Change, product: str) -> str:
    return change.model_copy(update={"product": product}).model_dump_json()
