"""Explain errors and missing rights to people; programs read the errors themselves."""

from engine.domain.errors import AuthorizationError, PromotionError
from engine.domain.finding import Finding
from engine.domain.operator import Operator
from web.authentication import visitor
from web.site import BrokenProductError, shared

_HEADINGS = {
    400: "Invalid request",
    401: "Sign in first",
    403: "Not allowed",
    404: "Page not found",
    409: "Not possible now",
    503: "Temporarily unavailable",
}
_ADMITTING = " To admit this operator in manifest.yaml"
_LABELS = ("Unauthorized: ", *(f"{each}: " for each in _HEADINGS.values()))


def heading(error: PromotionError, status: int) -> str:
    """Name the kind of an error in two or three words."""
    if isinstance(error, BrokenProductError):
        return f"{error.product} cannot be used"
    return _HEADINGS.get(status, "Something went wrong")


def explain(error: PromotionError) -> str:
    """Return the message of an error, without the words of its heading."""
    return error.why if isinstance(error, BrokenProductError) else without_label(str(error))


def without_label(text: str) -> str:
    """Drop the word before a message that its place on the page says already."""
    label = next((each for each in _LABELS if text.startswith(each)), "")
    return text[len(label) :] if label else text


def shortened(text: str) -> str:
    """Shorten a refusal in a list: the ways to admit its operator are on the page of the change."""
    said, admitting, _ = without_label(text).partition(_ADMITTING)
    return said if admitting else without_label(text)


def next_step(error: PromotionError) -> str:
    """Return the next step for an error that does not name it; empty otherwise."""
    if not isinstance(error, BrokenProductError):
        return ""
    person = visitor()
    if person is not None and shared().rights(error.product).may_operate(person):
        return "Correct the file, and let the server read its files again: POST /-/reload"
    return "An operator of this server must correct its file"


def explain_right(right: Finding, person: Operator, action: str) -> str:
    """Explain to `person` why `right` forbids `action`, and how to get the right."""
    needed, named = (_names(right, key) for key in ("required_groups", "allowed_operators"))
    if right.error is not AuthorizationError or not person.verified or not (needed or named):
        return without_label(right.reason)
    members = [f"members of {' or '.join(needed)}"] if needed else []
    groups = ", ".join(sorted(person.groups))
    mine = f"your groups are {groups}" if groups else "you are in no group"
    place = f"identity.groups.{needed[0]}" if needed else "allowed_operators"
    return (
        f"You may not {action}: only {' and '.join([*members, *named])} may, and {mine}. "
        f"If you need it, ask for an entry in {place} of manifest.yaml."
    )


def _names(right: Finding, key: str) -> tuple[str, ...]:
    found = right.details.get(key)
    return tuple(map(str, found)) if isinstance(found, list) else ()
