"""The pages. They only read: web/form_actions.py changes things."""

from datetime import datetime
from functools import partial

from flask import render_template, request
from markupsafe import Markup

from engine.bootstrap.server import CachedRecord
from engine.domain.artifact import Digest
from engine.domain.change import Change
from engine.domain.errors import PromotionError, StoreUnavailableError
from engine.domain.operator import Operator
from engine.domain.selection import Selection
from engine.domain.status import EnvironmentStatus
from engine.domain.versions import is_version
from web.authentication import visitor
from web.badges import question
from web.change_timeline import progress, steps
from web.dashboard import cards, obstacles, problems
from web.history_rows import PastRow, past
from web.page_blueprint import pages
from web.refusal_texts import explain_right
from web.site import NoSuchPageError, Site, shared, the_site
from web.version_matrix import newest

_PAGE = 50
_RECENT = 8
_CHANGES = 50


@pages.get("/")
def now() -> str:
    site = the_site()
    # Nothing else in this part depends on the viewer.
    part = site.shared_view.get(visitor() is not None, partial(_status, site))
    if "HX-Request" in request.headers:
        return part
    return render_template("now.html", live=Markup(part), now=_now())  # noqa: S704 - rendered above


def _status(site: Site) -> str:
    at, seen = _now(), site.board.look()
    return render_template(
        "now_live.html",
        seen=seen,
        cards=cards(site, seen, at),
        obstacles=obstacles(seen),
        problems=problems(site, seen),
        versions=newest(site, seen),
        recent=_past(site, Selection(), _RECENT),
        now=at,
    )


@pages.get("/changes")
def changes() -> str:
    site, store = the_site(), the_site().platform.store
    before = request.args.get("before") or None
    seen = site.board.with_pending()
    found = () if seen.store_error else store.recent(_CHANGES + 1, before)
    return render_template(
        "changes.html",
        seen=seen,
        open_changes=() if before else seen.pending[::-1],
        ended=[change for change in found[:_CHANGES] if not change.open],
        more=found[_CHANGES - 1].id if len(found) > _CHANGES else None,
        now=_now(),
        site=site,
    )


@pages.get("/changes/<change_id>")
def change(change_id: str) -> str:
    site = the_site()
    seen = site.board.change(change_id)
    if seen is None:
        raise NoSuchPageError(f"Change '{change_id}' does not exist")
    found = seen.change
    return render_template(
        "change.html",
        change=found,
        seen=seen,
        steps=steps(found),
        # A store that does not answer is asked once for each page.
        progress=None if seen.error else progress(site, found),
        difference=_difference(site, found),
        running=_running_version(site, found),
        proof=None if seen.error else _proof(site, found),
        thread=None if seen.error else _thread(found),
        lock=_lock(site, found),
        ask=_question(site, found),
        own=_own(found),
        approved=_approved(found),
        now=_now(),
    )


@pages.get("/environments/<name>")
def environment(name: str) -> str:
    site, at = the_site(), _now()
    if name not in site.platform.engine.path.names:
        raise NoSuchPageError(f"Environment '{name}' does not exist")
    seen = site.board.look()
    site.records.refresh()
    rules = site.platform.engine.path.environment(name)
    return render_template(
        "environment.html",
        name=name,
        rules=rules,
        seen=seen,
        card=next((c for c in cards(site, seen, at) if c.status.name == name), None),
        **_rights(site, seen.row(name), name, visitor()),
        reviewers=rules.reviewers,
        rows=_past(site, Selection(environment=name), _PAGE),
        now=at,
    )


def _rights(
    site: Site, row: EnvironmentStatus | None, name: str, person: Operator | None
) -> dict[str, object]:
    """Judge which forms `person` gets; `reviewable` names the records that they may review."""
    if person is None:
        return {"right": None, "refused": "", "may_lock": False, "reviewable": ()}
    right = site.platform.may_promote(person, name)
    may_review = partial(site.platform.may_review, person, name)
    reviews = row.state.reviews if row else ()
    return {
        "right": right,
        "refused": explain_right(right, person, f"promote to {name} or roll it back"),
        "may_lock": site.platform.may_lock(person, name),
        "reviewable": tuple(each.record for each in reviews if may_review(each)),
    }


def change_of(change_id: str) -> Change:
    """Return the change with that ID; NoSuchPageError without one."""
    found = the_site().platform.store.get(change_id)
    if found is None:
        raise NoSuchPageError(f"Change '{change_id}' does not exist")
    return found


def _now() -> datetime:
    return the_site().platform.engine.now()


def _past(site: Site, selection: Selection, limit: int) -> tuple[PastRow, ...] | None:
    """Return history rows; None while the local copy of the records cannot be read."""
    try:
        return past(site, site.records.store.page(selection, limit), running_records(site), _now())
    except PromotionError:
        return None


def running_records(site: Site) -> frozenset[str]:
    """Return the IDs of the records of the present versions."""
    rows = site.board.look().rows
    return frozenset(row.state.record for row in rows if row.state.record)


def _difference(site: Site, found: Change) -> object:
    """Return the difference, a sentence if it is unknown, or None without one."""
    agreed = found.fingerprint
    running = agreed.running_digest if agreed else None
    if running is None and found.open:
        row = site.board.look().row(found.target)
        running = row.state.digest if row else None
    if not running or not found.digest or running == found.digest:
        return None
    try:
        return site.platform.engine.comparer.content(Digest(running), Digest(found.digest))
    except PromotionError as error:
        return str(error)


def _running_version(site: Site, found: Change) -> str | None:
    """Return the version that the change replaces, if another one is known."""
    row = site.board.look().row(found.target) if found.open else None
    agreed = found.fingerprint
    running = agreed.running_version if agreed else row and row.state.version
    return running if running and running != found.version and is_version(running) else None


def _proof(site: Site, found: Change) -> tuple[CachedRecord, str] | None:
    """Return the record of a change, and whether the ledger's head proves it."""
    try:
        kept = site.records.store.by_id(found.record_id) if found.record_id else None
        if kept is None:
            return None
        entry = site.platform.engine.entry(kept.environment, kept.sequence)
    except PromotionError as error:
        return None if found.record_id is None else _unproven(site, found.record_id, str(error))
    proven = entry is not None and entry.digest == kept.digest
    return kept, "proven" if proven else "altered"


def _unproven(site: Site, record_id: str, why: str) -> tuple[CachedRecord, str] | None:
    try:
        kept = site.records.store.by_id(record_id)
    except PromotionError:
        return None
    return (kept, why) if kept else None


def _lock(site: Site, found: Change) -> object:
    row = site.board.look().row(found.target) if found.open else None
    return row.lock if row else None


def _thread(found: Change) -> str | None:
    """Return the link to the Slack thread; None while the bot's store cannot be read."""
    try:
        return shared().thread(found.id)
    except StoreUnavailableError:
        return None


def _question(site: Site, found: Change) -> str | None:
    """Return the question before an approval by the visitor; None if they may not approve."""
    person = visitor()
    if person is None or not site.platform.changes.awaits(found, person):
        return None
    return question(found, last=site.platform.completes(found, person))


def _own(found: Change) -> bool:
    person = visitor()
    return person is not None and found.requester.same_as(person)


def _approved(found: Change) -> bool:
    person = visitor()
    return person is not None and found.approved_by(person)
