"""Posts and edits one message; after a lost answer, it finds the posted message again."""

import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from pydantic import JsonValue

from bot.blocks.elements import context
from bot.blocks.newer_blocks import without_newer_blocks
from bot.database import BotStore
from bot.ephemeral import EphemeralMessage
from bot.message_store import MessageStore, PendingMessage
from bot.webapi import SlackApi, SlackCallError

_log = logging.getLogger(__name__)
# The tolerated difference between the clocks here and at Slack, in seconds.
_SKEW = 300
_EVENT = "floe_message"
_MOST_UNANSWERED = 3
# The card links to the approval request, and the web page to the card.
_LINKED_SUFFIXES = (":ask", ":root")
# The time until which the workspace is taken to lack newer blocks; a bot serves one workspace.
_PLAIN_FACT, _PLAIN_SECONDS = "plain_blocks_until", 86400
# A message with this client_msg_id existed, and is gone.
_DELETED = frozenset({"duplicate_message_not_found", "duplicate_channel_not_found"})
# The first letters of the ids of users.
_PEOPLE = ("U", "W")
_DOUBT = "doubt"
_DOUBT_TEXT = "Slack did not confirm this message at once, so it may be here twice."
_CLIENT_IDS = UUID("8d1f2f6c-6f0e-4a57-9f0c-7f4f6c2b1f3e")


@dataclass(frozen=True, slots=True)
class _Search:
    """The `ts` that a search found; not `complete` if Slack refused it."""

    complete: bool
    ts: str | None = None


@dataclass(frozen=True, slots=True)
class _Posted:
    """Where a message is; `earlier` if an earlier attempt had posted it."""

    ts: str
    channel: str
    earlier: bool


class Sender:
    """All methods raise SlackCallError if the call failed or its result is unknown."""

    def __init__(self, api: SlackApi, messages: MessageStore, store: BotStore) -> None:
        self._api = api
        self._messages = messages
        self._store = store

    def is_cut_off(self) -> bool:
        """Whether Slack did not answer the newest calls."""
        return self._api.contact.unanswered >= _MOST_UNANSWERED

    def forget_unanswered(self) -> None:
        self._api.contact.unanswered = 0

    def post(self, message: PendingMessage) -> str | None:
        """
        Post `message`, unless another server does; return its link if others link to it.

        A server that was suspended learns afterwards that another one took over.
        """
        again = message.taken is not None
        try:
            thread = self._thread(message)
            found = self._search(message, thread) if again else _Search(complete=True)
        except SlackCallError as error:
            # A search without an answer says nothing about the earlier attempt.
            error.outcome_unknown = again
            raise
        if found.ts is not None:
            # Posted by an earlier attempt, perhaps with an earlier text.
            self._messages.mark_found(message, found.ts)
            return self._link(message, found.ts)
        if not self._messages.mark_attempted(message):
            return None
        posted = self._post_new(message, thread, doubtful=not found.complete)
        if posted.earlier:
            self._messages.mark_found(message, posted.ts, posted.channel)
        elif not self._messages.mark_posted(message, posted.ts, posted.channel):
            self._delete(message, posted)
            return None
        return self._link(message, posted.ts)

    def edit(self, message: PendingMessage) -> None:
        arguments: dict[str, JsonValue] = {
            **message.arguments,
            "channel": message.channel,
            "ts": message.ts,
        }
        self._write("chat.update", message.key, arguments)
        self._messages.mark_posted(message, message.ts or "")

    def send_ephemeral(self, message: EphemeralMessage) -> None:
        """Send by response_url; if that fails, in the same channel; then as a direct message."""
        origin, arguments = message.origin, message.arguments
        if origin.response_url and self._respond(origin.response_url, arguments):
            return
        place: dict[str, JsonValue] = {"user": origin.user, "channel": origin.channel}
        if origin.thread:
            place["thread_ts"] = origin.thread
        try:
            if origin.channel:
                self._api.call("chat.postEphemeral", {**arguments, **place})
                return
        except SlackCallError as error:
            if error.temporary:
                raise
            _log.info("answering %s with a direct message: %s", origin.user, error)
        self._api.call("chat.postMessage", {**arguments, "channel": origin.user})

    def _respond(self, url: str, arguments: dict[str, JsonValue]) -> bool:
        try:
            self._api.respond(url, arguments)
        except SlackCallError as error:
            if error.temporary:
                raise
            return False
        return True

    def _post_new(self, message: PendingMessage, thread: str | None, *, doubtful: bool) -> _Posted:
        """Post it; if it is `doubtful` that an earlier attempt failed, the message says so."""
        arguments: dict[str, Any] = {
            **message.arguments,
            "channel": message.channel,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": _EVENT, "event_payload": {"key": message.key}},
            "client_msg_id": _client_id(message),
        }
        if doubtful:
            arguments["blocks"] = [*arguments["blocks"], context(_DOUBT, _DOUBT_TEXT)]
        if thread:
            arguments |= {"thread_ts": thread}
            arguments |= {"reply_broadcast": True} if message.broadcast else {}
        try:
            answer = self._write("chat.postMessage", message.key, arguments)
        except SlackCallError as error:
            if error.code not in _DELETED:
                raise
            del arguments["client_msg_id"]
            answer = self._write("chat.postMessage", message.key, arguments)
        ts, channel, shown = answer.get("ts"), answer.get("channel"), answer.get("message")
        if not isinstance(ts, str) or not ts:
            raise SlackCallError("no ts", temporary=True, outcome_unknown=True)
        earlier = doubtful and isinstance(shown, dict) and _DOUBT not in _block_ids(shown)
        return _Posted(ts, channel if isinstance(channel, str) else "", earlier)

    def _write(self, method: str, key: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Send the layout, sections where Slack refuses newer blocks, or at last the text alone."""
        given: list[JsonValue] = arguments["blocks"]
        plainer, now = without_newer_blocks(given), self._messages.now()
        newer = plainer != given and now > float(self._store.read_fact(_PLAIN_FACT) or 0)
        for blocks in (given, plainer) if newer else (plainer,):
            try:
                answer = self._api.call(method, arguments | {"blocks": blocks})
            except SlackCallError as error:
                if not error.code.startswith("invalid_blocks"):
                    raise
                level = logging.WARNING if blocks is plainer else logging.INFO
                _log.log(level, "Slack refused the layout of %s: %s", key, error)
                continue
            if newer and blocks is plainer:
                self._store.write_fact(_PLAIN_FACT, str(now + _PLAIN_SECONDS))
            return answer
        return self._api.call(method, arguments | {"blocks": []})

    def _delete(self, message: PendingMessage, posted: _Posted) -> None:
        place = {"channel": posted.channel or message.channel, "ts": posted.ts}
        try:
            self._api.call("chat.delete", place)
        except SlackCallError as error:
            _log.warning("%s is in %s twice: %s", message.key, message.channel, error)

    def _thread(self, message: PendingMessage) -> str | None:
        if message.parent is None:
            return message.thread
        place = self._messages.location(message.parent)
        if place is not None:
            return place[1]
        if self._messages.is_unposted(message.parent):
            raise SlackCallError("its parent message is not posted yet", temporary=True)
        raise SlackCallError("its parent message could not be posted")

    def _search(self, message: PendingMessage, thread: str | None) -> _Search:
        """Search for a message that an earlier attempt may have posted; this needs a scope."""
        if message.channel.startswith(_PEOPLE):
            # Only the answer to a direct message names its channel.
            return _Search(complete=False)
        parameters: dict[str, str | int | bool] = {
            "channel": message.channel,
            "oldest": f"{(message.taken or 0) - _SKEW:.6f}",
            "limit": 200,
            "include_all_metadata": True,
        }
        method = "conversations.history"
        if thread:
            method, parameters["ts"] = "conversations.replies", thread
        try:
            listed = self._api.read(method, **parameters).get("messages", [])
        except SlackCallError as error:
            if error.temporary:
                raise
            _log.info("Slack cannot be searched for %s: %s", message.key, error)
            return _Search(complete=False)
        found = (str(m["ts"]) for m in listed if _has_key(m, message.key) and m.get("ts"))
        return _Search(complete=True, ts=next(found, None))

    def _link(self, message: PendingMessage, ts: str) -> str | None:
        """The permalink of a message that others link to, or None if Slack does not return it."""
        if not message.key.endswith(_LINKED_SUFFIXES):
            return None
        try:
            found = self._api.read("chat.getPermalink", channel=message.channel, message_ts=ts)
        except SlackCallError as error:
            _log.info("no link to %s: %s", message.key, error)
            return None
        link = found.get("permalink")
        if not isinstance(link, str) or not link.startswith(("https://", "http://")):
            return None
        # These characters would break the markup of a link.
        if set(link) & set("|<>"):
            return None
        self._messages.save_link(message.key, link)
        return link


def _has_key(found: Any, key: str) -> bool:
    """Whether a posted message has `key` in its metadata or as its first block id."""
    payload = (found.get("metadata") or {}).get("event_payload") or {}
    blocks = found.get("blocks") or [{}]
    return key in (payload.get("key"), blocks[0].get("block_id"))


def _block_ids(found: dict[str, Any]) -> list[Any]:
    return [block.get("block_id") for block in found.get("blocks") or ()]


def _client_id(message: PendingMessage) -> str:
    """
    The same id for all attempts to post `message`, and another one for every other message.

    Slack documents errors about a repeated client_msg_id, but not for how long it knows one.
    """
    return str(uuid5(_CLIENT_IDS, f"{message.channel}/{message.key}/{message.at}"))
