"""
The keys that a ledger trusts for its next entry.

An installation lists keys in its manifest. A `rotate` record adds keys to them and retires keys,
also listed ones. A retired key never returns, so the order of two rotations does not matter.
"""

from collections.abc import Callable, Iterable

from pydantic import Field

from engine.domain.artifact import Digest
from engine.domain.public_key import MAX_ADDED, MAX_KEYS, PublicKey
from engine.domain.record_base import DigestText, Value
from engine.domain.record_index import Link


class KeyState(Value):
    """
    The keys that rotations added, and the IDs of those they retired.

    `sequence` and `digest` link to the newest rotation before the entry with this state; both are
    None in the first rotation.
    """

    added: tuple[PublicKey, ...] = Field(default=(), max_length=MAX_KEYS)
    retired: tuple[DigestText, ...] = Field(default=(), max_length=MAX_KEYS)
    sequence: int | None = None
    digest: DigestText | None = None

    @property
    def link(self) -> Link | None:
        """The newest rotation before."""
        if self.sequence is None or self.digest is None:
            return None
        return Link(self.sequence, Digest(self.digest))

    def linked_to(self, link: Link) -> "KeyState":
        """The same keys, as an entry after the rotation at `link` has them."""
        update = {"sequence": link.sequence, "digest": str(link.digest)}
        return self.model_copy(update=update)


def keys_after(
    keys: KeyState | None, added: Iterable[PublicKey], retired: Iterable[PublicKey]
) -> KeyState:
    """Compute the keys after a rotation of `keys` that adds and retires some."""
    before, leaving = keys or KeyState(), dict.fromkeys(each.key_id for each in retired)
    staying = (each for each in before.added if each.key_id not in leaving)
    update = {
        "added": tuple(dict.fromkeys((*staying, *added))),
        "retired": tuple(dict.fromkeys((*before.retired, *leaving))),
    }
    return before.model_copy(update=update)


def rotation_fault(after: KeyState | None, signer: str | None) -> str | None:
    """
    Explain why a rotation does not count that results in `after`; None if it does.

    It continues "The rotation". `signer` is the ID of the key that signed it, if it is known.
    """
    keys = after or KeyState()
    again = [each.key_id for each in keys.added if each.key_id in keys.retired]
    if again:
        return f"adds {again[0]}, which was retired: a retired key never returns"
    if signer in keys.retired and not keys.added:
        return (
            f"retires {signer}, which signs it, and leaves no key that it or an earlier one added"
        )
    if len(keys.added) + len(keys.retired) > MAX_KEYS:
        return f"leaves more than {MAX_KEYS} added and retired keys"
    return None


def addition_fault(after: KeyState, listed: Iterable[str]) -> str | None:
    """
    Explain why no key may be added, given the keys `after` that; None if it may.

    It continues "The rotation". There must be room to retire every key, also the `listed` ones,
    since a retired key is never forgotten.
    """
    if len(after.added) > MAX_ADDED:
        return f"leaves more than {MAX_ADDED} added keys: retire those that sign no more"
    known = {key.key_id for key in after.added} | {*after.retired, *listed}
    if len(known) > MAX_KEYS:
        return f"leaves no room to retire each of {len(known)} keys: at most {MAX_KEYS} fit"
    return None


def is_trusted(keys: KeyState | None, key_id: str, is_listed: Callable[[str], bool]) -> bool:
    """Whether entries by the key count where the ledger has `keys`."""
    if keys is not None and key_id in keys.retired:
        return False
    added = keys.added if keys else ()
    return any(each.key_id == key_id for each in added) or is_listed(key_id)
