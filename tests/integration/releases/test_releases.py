"""Releases on a real endpoint: made once, never changed, found again by content, and the way back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from expeditor.releases import (
    InvalidDefinitionError,
    ReleaseError,
    ReleaseExistsError,
    Replayer,
    UnknownReleaseError,
    asking,
    create_release,
    last_recorded,
    redrive,
)
from expeditor.releases.catalogue import pin_of
from expeditor.rollout import Author, FlagsError, ResumeError, Target, differences

from .conftest import MENDED, SCAN, Workshop

ME = Author("tester", 50.0, "because")


def versions(workshop: Workshop, function: str) -> list[str]:
    pages = workshop.catalogue.functions.list_versions_by_function(FunctionName=f"{workshop.machine}-{function}")
    return [each["Version"] for each in pages["Versions"] if each["Version"] != "$LATEST"]


def test_the_first_release_creates_functions_pins_and_records_them(workshop: Workshop) -> None:
    made = workshop.release("1.0.0")

    assert made.is_new
    assert set(made.published) == {f"{workshop.machine}-scan", f"{workshop.machine}-pay"}
    assert {pin.version for pin in made.release.manifest.functions.values()} == {"1"}
    assert made.release.recorded_digest == made.release.manifest.digest
    assert (made.release.by, made.release.dry_run, made.release.manifest.parent) == ("tester", ("scan",), "")
    assert "${" not in made.release.definition


def test_the_same_content_is_the_same_release_and_publishes_nothing(sold: Workshop) -> None:
    again = sold.release("1.0.0")

    assert (again.is_new, again.published) == (False, ())
    assert versions(sold, "scan") == ["1"]


def test_the_same_content_under_another_version_takes_the_same_functions(sold: Workshop) -> None:
    made = sold.release("1.1.0")

    assert (made.is_new, made.published) == (True, ())
    assert made.release.manifest.parent == str(sold.name("1.0.0"))
    assert differences(sold.catalogue.get(sold.name("1.0.0")).manifest, made.release.manifest) == []


def test_changed_content_under_a_version_that_exists_is_refused_and_nothing_is_published(sold: Workshop) -> None:
    sold.code["pay"] = MENDED
    sold.environment = {"MODE": "strict"}

    with pytest.raises(ReleaseExistsError) as caught:
        sold.release("1.0.0")

    assert any(f"function {sold.machine}-pay: code" in line for line in caught.value.differences)
    assert any(": environment variable MODE is new" in line for line in caught.value.differences)
    assert versions(sold, "pay") == ["1"]


def test_another_version_of_a_library_is_refused_under_a_version_that_exists_and_named(sold: Workshop) -> None:
    sold.dependencies = {"boto3": "1.1", "urllib3": "2.8"}

    with pytest.raises(ReleaseExistsError) as caught:
        sold.release("1.0.0")

    both = f"functions {sold.machine}-pay, {sold.machine}-scan"
    assert caught.value.differences == (
        f"{both}: library boto3 1.0 -> 1.1",
        f"{both}: library six 1.17 is gone",
        f"{both}: library urllib3 2.8 is new",
    )
    assert versions(sold, "pay") == ["1"]


def test_another_version_of_a_library_is_another_version_of_the_function(sold: Workshop) -> None:
    sold.dependencies = {"boto3": "1.1", "six": "1.17"}

    made = sold.release("1.1.0")

    old = sold.catalogue.get(sold.name("1.0.0"))
    assert set(made.published) == {f"{sold.machine}-scan", f"{sold.machine}-pay"}
    assert differences(old.manifest, made.release.manifest) == [
        f"functions {sold.machine}-pay, {sold.machine}-scan: library boto3 1.0 -> 1.1"
    ]
    assert old.is_intact
    assert {pin.dependencies["boto3"] for pin in old.manifest.functions.values()} == {"1.0"}


def test_a_release_of_before_libraries_were_recorded_is_still_itself(workshop: Workshop) -> None:
    recorded, workshop.dependencies = workshop.dependencies, {}
    before = workshop.release("1.0.0").release
    workshop.dependencies = recorded

    again = workshop.release("1.0.0")

    assert (again.is_new, again.published) == (False, ())
    assert again.release.is_intact
    later = workshop.release("1.1.0")
    assert len(later.published) == 2, "from now on they are recorded"
    (difference,) = differences(before.manifest, later.release.manifest)
    assert difference.endswith("libraries are recorded now")


def test_libraries_in_layers_count_by_the_layers_version() -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:layer:libs:7"
    configuration = {
        "FunctionName": "pay",
        "Version": "3",
        "CodeSha256": "x=",
        "Handler": "shop.pay",
        "Runtime": "python3.11",
        "Timeout": 3,
        "MemorySize": 128,
        "Layers": [{"Arn": arn, "CodeSize": 5}],
    }

    assert pin_of(configuration).dependencies == {"layer libs": "7"}


def test_only_what_changed_is_published_and_the_old_release_keeps_what_it_had(sold: Workshop) -> None:
    sold.code["pay"] = MENDED

    made = sold.release("1.1.0")

    old = sold.catalogue.get(sold.name("1.0.0"))
    assert made.published == (f"{sold.machine}-pay",)
    assert [pin.version for name, pin in sorted(made.release.manifest.functions.items())] == ["2", "1"]
    assert {pin.version for pin in old.manifest.functions.values()} == {"1"}


def test_going_back_to_earlier_content_finds_the_earlier_version(sold: Workshop) -> None:
    before = sold.code["pay"]
    sold.code["pay"] = MENDED
    sold.release("1.1.0")
    sold.code["pay"] = before

    made = sold.release("1.2.0")

    assert made.published == ()
    assert made.release.manifest.functions[f"{sold.machine}-pay"].version == "1"


def test_a_release_that_was_cut_off_after_publishing_goes_on_where_it_was(sold: Workshop) -> None:
    sold.code["pay"] = MENDED
    wanted = sold.wanted("1.1.0")
    (pay,) = (each for each in wanted.functions if each.pin.name.endswith("-pay"))
    archive = pay.package.archive if pay.package else b""
    sold.catalogue.functions.update_function_code(FunctionName=pay.pin.name, ZipFile=archive)
    sold.catalogue.functions.publish_version(FunctionName=pay.pin.name)

    made = sold.release("1.1.0")

    assert (made.published, versions(sold, "pay")) == ((), ["1", "2"])


def test_functions_that_something_else_deployed_are_only_published_and_pinned(sold: Workshop) -> None:
    name = f"{sold.machine}-pay"
    sold.catalogue.functions.update_function_configuration(FunctionName=name, MemorySize=512)
    wanted = sold.wanted("1.1.0")
    wanted = replace(wanted, functions=tuple(replace(each, package=None) for each in wanted.functions))

    made = create_release(sold.catalogue, wanted, "tester")

    assert (made.published, made.release.manifest.functions[name].memory_mb) == ((name,), 512)
    assert not create_release(sold.catalogue, wanted, "tester").is_new
    sold.catalogue.functions.update_function_configuration(FunctionName=name, MemorySize=256)
    with pytest.raises(ReleaseExistsError, match="memory_mb 512 -> 256"):
        create_release(sold.catalogue, wanted, "tester")


def test_a_function_that_nobody_deployed_is_named(workshop: Workshop) -> None:
    wanted = workshop.wanted("1.0.0")
    wanted = replace(wanted, functions=tuple(replace(each, package=None) for each in wanted.functions))

    with pytest.raises(ReleaseError, match="is not deployed; deploy the template first"):
        create_release(workshop.catalogue, wanted, "tester")


def test_a_definition_with_errors_is_refused_before_anything_is_published(sold: Workshop) -> None:
    sold.code["pay"] = MENDED
    sold.definition = json.loads(json.dumps(sold.definition))
    sold.definition["States"]["Pay"]["Next"] = "Nowhere"

    with pytest.raises(InvalidDefinitionError) as caught:
        sold.release("1.1.0")

    assert "Nowhere" in str(caught.value)
    assert versions(sold, "pay") == ["1"]
    assert sold.catalogue.find(sold.name("1.1.0")) is None


def test_a_machine_edited_in_place_is_noticed_and_gets_no_orders(sold: Workshop) -> None:
    sold.release("1.1.0")
    arn = sold.catalogue.arns()[sold.name("1.1.0")]
    text = sold.catalogue.get(sold.name("1.1.0")).definition.replace('"Comment": "shop"', '"Comment": "mine"')
    sold.catalogue.sfn.update_state_machine(stateMachineArn=arn, definition=text)

    assert not sold.catalogue.get(sold.name("1.1.0")).is_intact
    with pytest.raises(ReleaseError, match="somebody edited the state machine"):
        sold.traffic().shift(sold.name("1.1.0"), 1_000, Target(), ME)


def test_releases_are_found_by_version_alone_where_that_is_clear(sold: Workshop) -> None:
    sold.release("7.7.7")

    assert sold.catalogue.named("v7.7.7") == sold.name("7.7.7")
    assert sold.catalogue.named(str(sold.name("1.0.0"))) == sold.name("1.0.0")
    for unclear in ("v9.9.9", "nonsense"):
        with pytest.raises(UnknownReleaseError):
            sold.catalogue.named(unclear)


def test_traffic_moves_to_releases_that_exist_and_back(sold: Workshop) -> None:
    sold.release("1.1.0")
    traffic, new = sold.traffic(), sold.name("1.1.0")

    moved = traffic.shift(new, 1_000, Target(), ME)
    assert moved.after.flag("release").everyone.weights == {str(sold.name("1.0.0")): 9_000, str(new): 1_000}
    assert moved.staying == {str(sold.name("1.0.0")): 0, str(new): 0}
    traffic.promote(new, ME)
    assert traffic.flags.flag("release").stable == str(new)
    traffic.undo(ME)
    traffic.undo(ME)
    assert traffic.flags.flag("release").everyone.weights == {str(sold.name("1.0.0")): 10_000}
    with pytest.raises(ReleaseError, match="nothing is left to undo"):
        traffic.undo(ME)
    with pytest.raises(UnknownReleaseError):
        traffic.shift(sold.name("3.0.0"), 1_000, Target(), ME)
    with pytest.raises(FlagsError, match="is the stable one"):
        traffic.withdraw(sold.name("1.0.0"), ME)


def test_recorded_executions_are_replayed_without_any_effect(sold: Workshop) -> None:
    sold.run("1.0.0", "o-1")
    sold.code |= {
        "pay": MENDED,
        "scan": SCAN.replace('open(event["trace"]', 'event.get("dry_run") or open(event["trace"]'),
    }
    new = sold.release("1.1.0").release
    trace = (sold.folder / "o-1").read_text()
    client = sold.catalogue.functions

    replayer = Replayer(new, lambda arn, text: asking(client, arn, text), ())
    (replayed,) = [replayer.replay(each) for each in last_recorded(sold.catalogue, sold.name("1.0.0"), 5)]

    assert (replayed.is_same, replayed.status) == (True, "FAILED"), replayed
    assert (sold.folder / "o-1").read_text() == trace == "scan pay "


def test_a_failed_execution_goes_on_from_its_failed_state_on_a_mended_release(sold: Workshop) -> None:
    failed = sold.run("1.0.0", "o-1")
    sold.code["pay"] = MENDED
    sold.release("1.0.1")

    done = redrive(sold.catalogue, failed, sold.name("1.0.1"))

    assert (done.state, done.kept, done.machine) == ("Pay", ("Scan",), f"{sold.name('1.0.1')}-from-Pay")
    ended = sold.ended(done.execution_arn)
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["pay"] == {"amount_minor": 500}
    assert (sold.folder / "o-1").read_text() == "scan pay pay ", "what was done is not done again"
    with pytest.raises(ReleaseError, match="was redriven onto"):
        redrive(sold.catalogue, failed, sold.name("1.0.1"))
    with pytest.raises(ReleaseError, match=r"was redriven onto .*1\.0\.1-from-Pay before and is SUCCEEDED there"):
        redrive(sold.catalogue, failed, sold.name("1.0.0"))
    assert sold.name("1.0.1") in sold.catalogue.arns()
    assert "from" not in {name.version.partition("-")[2][:4] for name in sold.catalogue.arns()}, "no release of its own"


def test_a_redrive_that_failed_as_well_may_be_followed_by_another(sold: Workshop) -> None:
    failed = sold.run("1.0.0", "o-1")
    again = redrive(sold.catalogue, failed, sold.name("1.0.0"))
    assert sold.ended(again.execution_arn)["status"] == "FAILED"
    sold.code["pay"] = MENDED
    sold.release("1.0.1")

    done = redrive(sold.catalogue, failed, sold.name("1.0.1"))

    assert sold.ended(done.execution_arn)["status"] == "SUCCEEDED"


def test_redrives_that_cannot_be_are_refused(sold: Workshop) -> None:
    failed = sold.run("1.0.0", "o-1")
    sold.code["pay"] = MENDED
    sold.definition = json.loads(json.dumps(sold.definition))
    sold.definition["States"]["Pay"] |= {"Parameters": {"trace.$": "$.trace", "card.$": "$.card"}}
    sold.release("1.0.1")
    sold.definition["States"]["Charge"] = sold.definition["States"].pop("Pay")
    sold.definition["States"]["Charge"].pop("Parameters")
    sold.definition["States"]["Scan"]["Next"] = "Charge"
    sold.release("1.0.2")
    succeeded = sold.run("1.0.2", "o-2")

    with pytest.raises(ResumeError, match=r"cannot take the input it had: States.*card"):
        redrive(sold.catalogue, failed, sold.name("1.0.1"))
    with pytest.raises(ResumeError, match="the release has no state Pay"):
        redrive(sold.catalogue, failed, sold.name("1.0.2"))
    with pytest.raises(ReleaseError, match="never entered Done"):
        redrive(sold.catalogue, failed, sold.name("1.0.1"), "Done")
    with pytest.raises(ReleaseError, match="is SUCCEEDED; only executions that failed"):
        redrive(sold.catalogue, succeeded, sold.name("1.0.1"))


def test_archives_of_the_same_files_are_the_same_bytes(workshop: Workshop, tmp_path: Path) -> None:
    one, other = (workshop.wanted("1.0.0").functions[0].package for _ in range(2))

    assert one is not None
    assert other is not None
    assert (one.archive, one.digests) == (other.archive, other.digests)
