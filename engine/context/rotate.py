"""The facts of a rotation of keys."""

from engine.context.context import Context
from engine.context.facts import Fact
from engine.domain.errors import UnconfiguredError, UsageError
from engine.domain.key_trust import KeyState, addition_fault, keys_after, rotation_fault
from engine.domain.plan import Effect
from engine.domain.public_key import KeyReference, PublicKey, key_id_of
from engine.domain.request import RotateRequest

Keys = tuple[PublicKey, ...]


class RotateContext(Context[RotateRequest]):
    """The facts about one rotation: keys that were added or retired before are left out."""

    @Fact
    def rotation(self) -> tuple[Keys, Keys]:
        """
        The keys to add and to retire. UsageError for unknown keys, and for a rotation that would
        not count; UnconfiguredError if nothing signs it.
        """
        own = self._sources.ledger.signing_key()
        if own is None:
            raise UnconfiguredError(
                "Keys are rotated by a signed record, and ledger.signing is not configured. Make a "
                "key: floe keys generate --out floe.key, and write: "
                "ledger: {signing: {key: file:floe.key}}"
            )
        known = self.state.keys or KeyState()
        added = tuple(key for key in self.request.add if key not in known.added)
        retired = tuple(
            self._find(key, known)
            for key in self.request.retire
            if key_id_of(key) not in known.retired
        )
        if self.rights.served and own in retired:
            raise UsageError(
                f"{own.key_id} signs for this server, which would write nothing more. Set "
                "ledger.signing.key of the server to the new key, and then retire the old one"
            )
        after = keys_after(known, added, retired)
        listed = (each.key_id for each in self._sources.ledger.listed_keys())
        if added and (fault := addition_fault(after, listed)):
            raise UsageError(f"The keys of {self.target} cannot be rotated: this {fault}")
        if fault := rotation_fault(after, own.key_id):
            raise UsageError(
                f"The keys of {self.target} cannot be rotated: this {fault}. Add the key that "
                "signs from now on with --add, or sign with a key that stays"
            )
        return added, retired

    @Fact
    def effect(self) -> Effect:
        return Effect.CHANGE if any(self.rotation) else Effect.NOTHING

    def _find(self, key: KeyReference, known: KeyState) -> PublicKey:
        """
        The key of `key`; UsageError for one that was never trusted, since its retirement would say
        that it was.
        """
        ledger, key_id = self._sources.ledger, key_id_of(key)
        trusted = (*known.added, *self.request.add, *ledger.listed_keys(), *ledger.distrusted)
        found = next((each for each in trusted if each.key_id == key_id), None)
        if found is None:
            raise UsageError(
                f"{key_id} is not the ID of a key that {self.target} trusts. To retire one that "
                "has left the manifest, list it in ledger.trusted_keys until it is retired, or in "
                "ledger.distrusted_keys for good if it was stolen"
            )
        return found
