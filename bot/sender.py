"""Posts and edits one message; after a lost answer, it finds the posted message again."""

import logging
from typing import Any

from pydantic import JsonValue

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
_PLAIN_FACT, _PLAIN_SECONDS = "plain_blocks_until", 30 * 86400


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
        try:
            thread = self._thread(message)
            ts = self._find_posted(message, thread) if message.taken is not None else None
        except SlackCallError as error:
            # A search without an answer says nothing about the earlier attempt.
            error.outcome_unknown = message.taken is not None
            raise
        if ts is None:
            if not self._messages.mark_attempted(message):
                return None
            ts = self._post_new(message, thread)
            if not self._messages.mark_posted(message, ts):
                self._delete(message, ts)
                return None
        else:
            # Posted by an earlier attempt, perhaps with an earlier text.
            self._messages.mark_found(message, ts)
        return self._link(message, ts) if message.key.endswith(_LINKED_SUFFIXES) else None

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

    def _post_new(self, message: PendingMessage, thread: str | None) -> str:
        arguments: dict[str, JsonValue] = {
            **message.arguments,
            "channel": message.channel,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": _EVENT, "event_payload": {"key": message.key}},
        }
        if thread:
            arguments |= {"thread_ts": thread}
            arguments |= {"reply_broadcast": True} if message.broadcast else {}
        answer = self._write("chat.postMessage", message.key, arguments)
        ts = answer.get("ts")
        if not isinstance(ts, str) or not ts:
            raise SlackCallError("no ts", temporary=True, outcome_unknown=True)
        return ts

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
                _log.warning("Slack refused the layout of %s: %s", key, error)
                continue
            if newer and blocks is plainer:
                self._store.write_fact(_PLAIN_FACT, str(now + _PLAIN_SECONDS))
            return answer
        return self._api.call(method, arguments | {"blocks": []})

    def _delete(self, message: PendingMessage, ts: str) -> None:
        try:
            self._api.call("chat.delete", {"channel": message.channel, "ts": ts})
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

    def _find_posted(self, message: PendingMessage, thread: str | None) -> str | None:
        """The ts of the message, if an earlier attempt has posted it."""
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
            _log.warning("%s may be posted twice: the search for it failed: %s", message.key, error)
            return None
        found = (str(m["ts"]) for m in listed if _has_key(m, message.key) and m.get("ts"))
        return next(found, None)

    def _link(self, message: PendingMessage, ts: str) -> str | None:
        """The permalink of a message, or None if Slack does not return it."""
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
