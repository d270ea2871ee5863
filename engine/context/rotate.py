"""The facts of a rotation of keys."""

from datetime import datetime

from engine.context.context import Context, Sources
from engine.context.facts import Fact
from engine.domain.errors import UnconfiguredError, UsageError
from engine.domain.key_trust import KeyState, keys_after, rotation_fault
from engine.domain.path import PromotionPath
from engine.domain.plan import Effect, GateMode
from engine.domain.public_key import KeyReference, PublicKey, key_id_of
from engine.domain.request import RotateRequest
from engine.ports import Progress

Keys = tuple[PublicKey, ...]


class RotateContext(Context):
    """The facts about one rotation: keys that were added or retired before are left out."""

    def __init__(
        self,
        request: RotateRequest,
        path: PromotionPath,
        sources: Sources,
        now: datetime,
        progress: Progress,
        mode: GateMode = GateMode.RUN,
    ) -> None:
        super().__init__(request, path, sources, now, progress, mode)
        self._request = request

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
        added = tuple(key for key in self._request.add if key not in known.added)
        retired = tuple(
            self._find(key, known)
            for key in self._request.retire
            if key_id_of(key) not in known.retired
        )
        after = keys_after(known, added, retired)
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
        """The key itself, or the trusted one with this ID; UsageError without one."""
        if isinstance(key, PublicKey):
            return key
        trusted = (*known.added, *self._request.add, *self._sources.ledger.listed_keys())
        found = next((each for each in trusted if each.key_id == key), None)
        if found is None:
            raise UsageError(
                f"{key} is not the ID of a key that {self.target} trusts. Give the file of the "
                "public key to retire another one"
            )
        return found
