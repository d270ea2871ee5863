"""`after` and `from` of environments: defaults, errors, digests and comparisons."""

from pathlib import Path

import pytest

from engine.config import Config
from engine.domain.policy_changes import compare_policies
from tests.config.manifest_files import load, manifest, problems, refused

PLACE = "artifacts.promotion.environments"
REGIONS = "{name: dev}, {name: eu, after: [dev]}, {name: us, after: [dev]}"


def config(folder: Path, environments: str) -> Config:
    return load(folder, manifest(promotion=f"environments: [{environments}]"))


def test_environment_follows_the_one_before_it_by_default(tmp_path: Path) -> None:
    plain = config(tmp_path, "{name: dev}, {name: prod}")
    written = config(tmp_path, "{name: dev}, {name: prod, after: [dev]}")

    assert plain.policy.digest == written.policy.digest
    assert plain.environment_digest("prod") == written.environment_digest("prod")
    assert '"after"' not in plain.policy.content.decode()


def test_sources_keep_the_order_of_the_list(tmp_path: Path) -> None:
    built = config(tmp_path, f"{REGIONS}, {{name: prod, after: [us, eu], from: any}}")

    assert built.path.source("prod") == "eu or us"
    assert built.policy.path.source("prod") == "eu or us"
    assert str(built.policy.path) == "dev -> eu; dev -> us; eu or us -> prod"


@pytest.mark.parametrize(
    ("environments", "said"),
    [
        (f"{REGIONS}, {{name: prod, after: [ap]}}", "[3].after[0]: there is no such environment;"),
        ("{name: dev}, {name: prod, after: [prod]}", "[1].after[0]: prod cannot come after itself"),
        (
            "{name: a}, {name: b, after: [c]}, {name: c, after: [b]}",
            "[1].after[0]: c comes later in the list: move it before b",
        ),
        ("{name: a, after: [b]}, {name: b}", "[0].after[0]: b comes later in the list"),
        (f"{REGIONS}, {{name: prod, after: [eu, eu]}}", "[3].after[1]: eu is named twice"),
        ("{name: a}, {name: b, after: []}", "[1].after: is []: name an environment, or leave"),
        (
            "{name: a}, {name: b, after: [a], from: any}",
            "[1].from: has no effect: after names fewer than 2",
        ),
        (f"{REGIONS}, {{name: prod, from: some}}", "[3].from: "),
    ],
)
def test_path_that_cannot_be_followed_is_refused(
    tmp_path: Path, environments: str, said: str
) -> None:
    found = problems(tmp_path, manifest(promotion=f"environments: [{environments}]"))

    assert any(each.startswith(f"{PLACE}{said}") for each in found), found


def test_refusal_names_file_and_line(tmp_path: Path) -> None:
    text = manifest(promotion="environments:\n  - {name: dev}\n  - name: prod\n    after: [qa]")

    assert str(refused(tmp_path, text)).startswith(f"{tmp_path}/manifest.yaml:10: {PLACE}[1].after")


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("after: [eu]", "after: [eu, us]", "stricter"),
        ("after: [eu, us]", "after: [eu]", "looser"),
        ("after: [eu, us]", "after: [eu, us], from: any", "looser"),
        ("after: [eu]", "after: [dev]", "looser"),
        ("after: [eu]", "after: [us]", "other"),
        ("after: [eu, us], from: any", "after: [dev]", "looser"),
        ("after: [eu, us], from: any", "after: [eu]", "stricter"),
        ("after: [eu]", "after: [dev, eu]", "other"),
    ],
)
def test_comparison_says_which_environments_must_be_passed(
    tmp_path: Path, before: str, after: str, kind: str
) -> None:
    one, two = (
        config(tmp_path, f"{REGIONS}, {{name: prod, {rule}}}").policy for rule in (before, after)
    )

    (change,) = compare_policies(one, two)

    assert (change.kind.value, change.environment, change.rule) == (kind, "prod", "after")


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (
            "{name: staging}, {name: prod}",
            "{name: staging}, {name: fast, after: [dev]}, {name: prod}",
            ["looser prod: after goes from staging to fast"],
        ),
        (
            "{name: staging}, {name: prod}",
            "{name: staging}, {name: fast, after: [dev]}, {name: prod, after: [staging]}",
            [],
        ),
        ("{name: staging}, {name: prod}", "{name: staging}, {name: qa}, {name: prod}", []),
    ],
)
def test_new_environment_does_not_take_the_place_of_a_predecessor(
    tmp_path: Path, before: str, after: str, changes: list[str]
) -> None:
    one, two = (config(tmp_path, f"{{name: dev}}, {rest}").policy for rest in (before, after))

    there, back = (compare_policies(*both) for both in ((one, two), (two, one)))

    assert [f"{e.kind} {e.text}" for e in there if e.rule == "after"] == changes
    assert [e.kind.opposite for e in back] == [e.kind for e in there]


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        ("{name: qa, after: [dev]}, {name: prod, after: [staging]}", "other"),
        ("{name: qa, after: [dev]}, {name: prod, after: [staging, qa], from: any}", "other"),
        ("{name: qa, after: [dev]}, {name: prod, after: [staging, qa]}", "stricter"),
        ("{name: qa}, {name: prod}", "stricter"),
    ],
)
def test_new_environment_is_stricter_if_versions_must_pass_it(
    tmp_path: Path, after: str, kind: str
) -> None:
    one, two = (
        config(tmp_path, f"{{name: dev}}, {{name: staging}}, {rest}").policy
        for rest in ("{name: prod}", after)
    )

    there, back = (compare_policies(*both)[0] for both in ((one, two), (two, one)))

    assert there.rule == PLACE
    assert (there.kind, back.kind.opposite) == (kind, kind)
    assert ("(adds qa before prod)" in there.text) is (kind == "stricter")
