"""One message to Slack: posted once, found again when the answer was lost, edited."""

import logging
from typing import Any

from pydantic import JsonValue

from bot.ephemeral import Answer
from bot.message_store import Message, Messages
from bot.webapi import SlackApi, SlackTrouble, respond

_log = logging.getLogger(__name__)
# How far clocks here and at Slack may be apart, in seconds.
_SKEW = 300
_EVENT = "floe_message"
# A change's message leads to where it is decided, and the web page to the message.
_LINKED = (":ask", ":root")


class Sender:
    """Every method raises SlackTrouble when it was not done, or that cannot be told."""

    def __init__(self, api: SlackApi, messages: Messages) -> None:
        self._api = api
        self._messages = messages

    def post(self, message: Message) -> str | None:
        """The link to it, for those that others link to."""
        thread = self._thread(message)
        ts = self._found(message, thread) if message.taken is not None else None
        if ts is None:
            self._messages.take(message)
            ts = self._posted(message, thread)
        self._messages.posted(message, ts)
        return self._link(message, ts) if message.key.endswith(_LINKED) else None

    def edit(self, message: Message) -> None:
        arguments: dict[str, JsonValue] = {
            **message.arguments,
            "channel": message.channel,
            "ts": message.ts,
        }
        self._api.call("chat.update", arguments)
        self._messages.posted(message, message.ts or "")

    def answer(self, answer: Answer) -> None:
        """By the url Slack gave for it, else where they asked, else in their own channel."""
        asker, arguments = answer.asker, answer.arguments
        if asker.response_url and self._taken_by(asker.response_url, arguments):
            return
        place: dict[str, JsonValue] = {"user": asker.user, "channel": asker.channel}
        if asker.thread:
            place["thread_ts"] = asker.thread
        try:
            if asker.channel:
                self._api.call("chat.postEphemeral", {**arguments, **place})
                return
        except SlackTrouble as trouble:
            if trouble.passing:
                raise
            _log.info("answering %s in their own channel: %s", asker.user, trouble)
        self._api.call("chat.postMessage", {**arguments, "channel": asker.user})

    def _taken_by(self, url: str, arguments: dict[str, JsonValue]) -> bool:
        try:
            respond(url, arguments)
        except SlackTrouble as trouble:
            if trouble.passing:
                raise
            return False
        return True

    def _posted(self, message: Message, thread: str | None) -> str:
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
        try:
            answer = self._api.call("chat.postMessage", arguments)
        except SlackTrouble as trouble:
            if not trouble.code.startswith("invalid_blocks"):
                raise
            # Better without its layout than not at all.
            _log.error("%s was refused by Slack's layout rules: %s", message.key, trouble)
            answer = self._api.call("chat.postMessage", arguments | {"blocks": []})
        ts = answer.get("ts")
        if not isinstance(ts, str) or not ts:
            raise SlackTrouble("no ts", passing=True, unknown=True)
        return ts

    def _thread(self, message: Message) -> str | None:
        if message.parent is None:
            return message.thread
        place = self._messages.place(message.parent)
        if place is not None:
            return place[1]
        if self._messages.pending(message.parent):
            raise SlackTrouble("the message above it is not there yet", passing=True)
        raise SlackTrouble("the message above it could not be posted")

    def _found(self, message: Message, thread: str | None) -> str | None:
        """Where it stands, if an earlier try was heard after all."""
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
        except SlackTrouble as trouble:
            if trouble.passing:
                raise
            _log.warning("%s may stand twice, it cannot be looked for: %s", message.key, trouble)
            return None
        return next((str(m["ts"]) for m in listed if _is(m, message.key) and m.get("ts")), None)

    def _link(self, message: Message, ts: str) -> str | None:
        """Nice to have: without it people find their own way into the thread."""
        try:
            found = self._api.read("chat.getPermalink", channel=message.channel, message_ts=ts)
        except SlackTrouble as trouble:
            _log.info("no link to %s: %s", message.key, trouble)
            return None
        link = found.get("permalink")
        if not isinstance(link, str) or not link.startswith(("https://", "http://")):
            return None
        # It becomes part of markup.
        if set(link) & set("|<>"):
            return None
        self._messages.keep_link(message.key, link)
        return link


def _is(found: Any, key: str) -> bool:
    """By its metadata, else by its first block, which has the key for a name."""
    payload = (found.get("metadata") or {}).get("event_payload") or {}
    blocks = found.get("blocks") or [{}]
    return key in (payload.get("key"), blocks[0].get("block_id"))
