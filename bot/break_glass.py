"""Announces break-glass changes, and reminds people of their review until it is given."""

from dataclasses import dataclass

from bot.blocks.break_glass import announcement, ended_announcement
from bot.blocks.elements import Payload
from bot.catalog import Catalog
from bot.database import BotStore
from bot.identity import SlackIdentities
from bot.message_store import DesiredMessage, MessageStore
from bot.thread_content import card_key
from engine.domain.break_glass import OpenReview
from engine.domain.change import Change, ChangeState
from engine.domain.environment import Environment
from engine.domain.product import qualified
from engine.domain.release_records import ReviewRecord
from engine.domain.status import EnvironmentStatus
from engine.platform import Platform

_RECENT = 100
_HISTORY_LIMIT = 20


@dataclass(frozen=True, slots=True)
class AnnouncedReview:
    """
    An announced break-glass of `environment`, since the time `at` in seconds since 1970.

    The messages are in `channel`, in the thread of the message with the key `parent`.
    """

    review: OpenReview
    product: str
    environment: str
    channel: str
    parent: str | None
    at: float = 0
    reminded: bool = False

    @property
    def key(self) -> str:
        return f"review:{self.review.record}"

    @property
    def reminder_key(self) -> str:
        return f"{self.key}:overdue"


class BreakGlassNotices:
    """
    Keeps one announcement and at most one reminder for each break-glass, also after a restart.

    The feed announces changes of this server. The status of an environment, which is read for lock
    banners anyway, has those that commands made without a server, and says when a review is
    overdue or given.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: BotStore,
        messages: MessageStore,
        identities: SlackIdentities,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._messages = messages
        self._identities = identities

    def find(self, record: str) -> AnnouncedReview | None:
        """The announced break-glass of `record`, while its review is open."""
        return next(iter(self._select("record = ?", record)), None)

    def announce_change(self, change: Change, channel: str, reviewers: str) -> None:
        """Announce the break-glass of a change in its thread; `reviewers` mentions people."""
        if change.record_id is None or change.review_by is None:
            return
        review = OpenReview(
            record=change.record_id,
            version=change.version,
            incident=change.overrides.incident,
            reason=change.overrides.reason or change.reason or "",
            operator=change.requester.name,
            operator_id=change.requester.id,
            due=change.review_by,
        )
        place = (change.product, change.target, channel, card_key(change.id))
        self._announce(AnnouncedReview(review, *place), reviewers)

    def update(self, platform: Platform, row: EnvironmentStatus, read_at: float) -> None:
        """Compare the messages with `row`, whose reading began at `read_at` by the store's time."""
        place = qualified(platform.product, row.name)
        shown = {each.review.record: each for each in self._select("place = ?", place)}
        opened = {each.record: each for each in row.state.reviews}
        for review in opened.values():
            known = shown.get(review.record)
            if known is None:
                self._announce_found(platform, row.name, review)
            elif review.due <= self._catalog.now() and not known.reminded:
                self._remind(known)
        for known in shown.values():
            # A status that was read before the announcement says nothing about its review.
            if known.review.record not in opened and known.at < read_at:
                self._end(platform, known)

    def _announce_found(self, platform: Platform, environment: str, review: OpenReview) -> None:
        """Announce a break-glass of the ledger, unless the feed is about to announce its change."""
        running = platform.store.open(environment)
        if any(each.state is ChangeState.EXECUTING and _is_of(each, review) for each in running):
            return
        recent = platform.store.recent(_RECENT)
        change = next((each for each in recent if each.record_id == review.record), None)
        card = self._messages.location(card_key(change.id)) if change else None
        channel = card[0] if card else platform.channel
        if channel is None:
            return
        parent = card_key(change.id) if change and card else None
        found = AnnouncedReview(review, platform.product, environment, channel, parent)
        self._announce(found, self._mention_reviewers(found))

    def _announce(self, found: AnnouncedReview, reviewers: str) -> None:
        """Post the announcement, unless the break-glass was announced before."""
        place = qualified(found.product, found.environment)
        with self._store.transaction() as db:
            added = db.execute(
                "INSERT INTO reviews (record, place, document, channel, parent, at) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (record) DO NOTHING",
                [
                    found.review.record,
                    place,
                    found.review.model_dump_json(),
                    found.channel,
                    found.parent,
                    self._store.now(),
                ],
            ).rowcount
            if added:
                payload = self._render(found.key, found, reviewers)
                self._ensure(
                    found, DesiredMessage(found.key, payload, found.parent, broadcast=True)
                )

    def _remind(self, shown: AnnouncedReview) -> None:
        reviewers = self._mention_reviewers(shown)
        with self._store.transaction() as db:
            key, parent = shown.reminder_key, shown.parent or shown.key
            payload = self._render(key, shown, reviewers, overdue=True)
            self._ensure(shown, DesiredMessage(key, payload, parent, broadcast=True))
            db.execute("UPDATE reviews SET reminded = 1 WHERE record = ?", [shown.review.record])

    def _end(self, platform: Platform, shown: AnnouncedReview) -> None:
        given = find_review(platform, shown.environment, shown.review.record)
        rendering = self._catalog.rendering(shown.product)
        with self._store.transaction() as db:
            for key in (shown.key, shown.reminder_key):
                place = rendering.place(shown.environment)
                payload = ended_announcement(key, shown.review, place, given, rendering)
                self._ensure(shown, DesiredMessage(key, payload, urgent=True, edit_only=True))
            db.execute("UPDATE reviews SET ended = 1 WHERE record = ?", [shown.review.record])

    def _render(
        self, key: str, shown: AnnouncedReview, reviewers: str, *, overdue: bool = False
    ) -> Payload:
        rendering = self._catalog.rendering(shown.product)
        place = rendering.place(shown.environment)
        return announcement(key, shown.review, place, reviewers, rendering, overdue=overdue)

    def _ensure(self, shown: AnnouncedReview, message: DesiredMessage) -> None:
        self._messages.ensure(shown.channel, message)

    def _mention_reviewers(self, shown: AnnouncedReview) -> str:
        """Mention the reviewers; this may ask Slack, so it is not called in a transaction."""
        path = self._catalog.products.named(shown.product).engine.path
        return self._identities.mention_groups(reviewers_of(path.environment(shown.environment)))

    def _select(self, where: str, value: str) -> list[AnnouncedReview]:
        with self._store.read() as db:
            rows = db.execute(
                "SELECT document, place, channel, parent, at, reminded FROM reviews "  # noqa: S608
                f"WHERE ended = 0 AND {where}",  # no user input
                [value],
            ).fetchall()
        return [_announced(*row) for row in rows]


def used_break_glass(change: Change) -> bool:
    """Whether it took effect by break-glass."""
    return change.review_by is not None and not change.unchanged


def _is_of(change: Change, review: OpenReview) -> bool:
    return (change.version, change.overrides.incident) == (review.version, review.incident)


def reviewers_of(target: Environment | None) -> tuple[str, ...]:
    """The groups that review a break-glass in `target`: by default approvers, else promoters."""
    if target is None or target.break_glass is None:
        return ()
    promoters = target.authorization.allowed_groups if target.authorization else None
    groups = target.break_glass.review_groups or target.approvals.approvers or promoters
    return tuple(sorted(groups or ()))


def find_review(platform: Platform, environment: str, record: str) -> ReviewRecord | None:
    """The review of `record`; None if it is not among the newest records."""
    for entry in platform.engine.history(environment, _HISTORY_LIMIT):
        found = entry.record
        if isinstance(found, ReviewRecord) and found.reviewed == record:
            return found
    return None


def _announced(
    document: str, place: str, channel: str, parent: str | None, at: float, reminded: int
) -> AnnouncedReview:
    product, _, environment = place.rpartition("/")
    review = OpenReview.model_validate_json(document)
    return AnnouncedReview(review, product, environment, channel, parent, at, bool(reminded))
