"""The favourite products of people on the page."""

from engine.runtime.database import Database

TABLES = """
CREATE TABLE favourites (
    person TEXT NOT NULL,
    product TEXT NOT NULL,
    PRIMARY KEY (person, product)
);
"""


class SqlFavourites:
    """Stores favourites, in the tables of the sessions. Methods raise StoreUnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, person: str) -> frozenset[str]:
        """List the favourites of the person with this id."""
        if not self._database.exists():
            return frozenset()
        with self._database.read() as db:
            rows = db.execute("SELECT product FROM favourites WHERE person = ?", [person])
            return frozenset(product for (product,) in rows.fetchall())

    def toggle(self, person: str, product: str) -> bool:
        """Add a favourite, or remove it if it is one; return whether it is one now."""
        row = [person, product]
        with self._database.write() as db:
            found = db.execute(
                "SELECT 1 FROM favourites WHERE person = ? AND product = ?", row
            ).fetchone()
            if found:
                db.execute("DELETE FROM favourites WHERE person = ? AND product = ?", row)
            else:
                db.execute("INSERT INTO favourites (person, product) VALUES (?, ?)", row)
        return found is None
