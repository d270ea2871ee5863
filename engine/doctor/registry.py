"""Tries a registry with reads alone: access, clock, and optional features."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.adapters.registry.remote.registry import DistributionRegistry
from engine.config.connection import RemoteRegistry
from engine.doctor.clock import clock_difference
from engine.doctor.diagnosis import Chart, Diagnosis
from engine.doctor.examination import Tries
from engine.domain.artifact import Digest, Tag
from engine.domain.errors import (
    RegistryAccessError,
    RegistryError,
    RegistryUnavailableError,
)

_PLACES = {
    "docker": "the files of docker login",
    "basic": "artifacts.registry.auth",
    "token": "artifacts.registry.auth",
    "anonymous": "artifacts.registry.auth",
}
_READING = ("pull", "tag pages", "referrers API", "conditional reads")


@dataclass(frozen=True)
class RegistryReads:
    """Reads from `registry`, whose users are people where `verified` is configured."""

    chart: Chart
    settings: RemoteRegistry
    registry: DistributionRegistry
    verified: bool

    def tries(self) -> Tries:
        """Yield the diagnoses; the last one is a failure if writes are of no use."""
        try:
            greeting = self.registry.probe().greet()
        except RegistryAccessError as error:
            yield self._reached("it asks for other credentials")
            yield self.chart.error("credentials", error)
            return
        except RegistryError as error:
            yield self.chart.error("reachable", error)
            if not isinstance(error, RegistryUnavailableError):
                return
            for name in ("credentials", *_READING):
                yield self.chart.not_tried(name, "the registry does not answer")
            return
        yield self._reached(f"it answered in {greeting.seconds * 1000:.0f} ms")
        yield self._credentials()
        yield from self._user_names()
        yield clock_difference(self.chart, greeting.ahead, "the registry")
        yield from self._content()

    def _reached(self, how: str) -> Diagnosis:
        scheme = "plain http" if self.settings.scheme == "http" else "https"
        return self.chart.passed("reachable", f"{self.settings.host}: {how} ({scheme})")

    def _credentials(self) -> Diagnosis:
        user, kind = self.registry.accepted_user, self.settings.credentials.type
        if user is not None:
            found = f"user '{user}' of {_PLACES[kind]}: the registry accepted the password"
        elif kind == "token":
            found = f"the registry accepted the token of {_PLACES[kind]}"
        else:
            found = "the registry asks for none before it answers"
        return self.chart.passed("credentials", found)

    def _user_names(self) -> Tries:
        if self.registry.accepted_user is None:
            if self.verified:
                yield self.chart.failed(
                    "user names",
                    "identity.registry_users.verified is true, and the registry accepted no user "
                    "name with a password",
                    "Log in with a user name, or remove identity.registry_users",
                )
            return
        check = self.registry.check_user()
        if check.verified:
            found = "the registry refuses the password with another user name"
            more = "" if self.verified else ", and identity.registry_users.verified is not set"
            yield self.chart.passed("user names", found + more)
        elif self.verified:
            yield self.chart.failed(
                "user names",
                f"{check.reason}, so registry users are not verified operators",
                "Remove identity.registry_users, and let people sign in with floe login",
            )
        else:
            unset = "identity.registry_users.verified is not set, so no rule depends on it"
            yield self.chart.passed("user names", f"{check.reason}; {unset}")

    def _content(self) -> Tries:
        probe = self.registry.probe()
        try:
            page = probe.page(1)
            tags = page[0] if page else self.registry.tags()
        except RegistryError as error:
            yield self.chart.error("pull", error)
            return
        reference = self.registry.reference
        yield self.chart.passed(
            "pull", f"the tags of {reference} can be listed" if tags else f"{reference} is empty"
        )
        yield self._pages(page)
        yield self._tried("referrers API", self._referrers)
        yield self._tried("conditional reads", lambda name: self._conditional(name, tags))

    def _tried(self, name: str, attempt: Callable[[str], Diagnosis]) -> Diagnosis:
        try:
            return attempt(name)
        except RegistryError as error:
            return self.chart.error(name, error)

    def _pages(self, page: tuple[tuple[Tag, ...], bool] | None) -> Diagnosis:
        name = "tag pages"
        if page is None:
            return self.chart.passed(name, "the registry chooses the size: it refuses ?n=1")
        tags, more = page
        if more:
            return self.chart.passed(name, "the registry divides the list of tags into pages")
        if len(tags) > 1:
            return self.chart.passed(name, f"it lists all {len(tags)} tags in one answer")
        return self.chart.not_tried(name, "the repository has fewer than two tags")

    def _referrers(self, name: str) -> Diagnosis:
        exists = self.registry.probe().has_referrers_api(Digest.of(b"floe doctor"))
        if exists is None:
            return self.chart.not_tried(name, "the repository does not exist before its first push")
        if exists:
            return self.chart.passed(name, "the registry has it")
        return self.chart.passed(name, "the registry lacks it: floe keeps lists in tags sha256-…")

    def _conditional(self, name: str, tags: tuple[Tag, ...]) -> Diagnosis:
        if not tags:
            return self.chart.not_tried(name, "the repository has no tag to read")
        if self.registry.probe().revalidates(tags[0]):
            return self.chart.passed(name, "If-None-Match saves the transfer of a known manifest")
        return self.chart.passed(name, "the registry ignores If-None-Match, which floe never needs")
