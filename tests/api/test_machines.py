"""/api/embodiments/, /api/presets/, /api/workers/"""

from datetime import timedelta

from django.utils import timezone

from practice.embodiments.registry import embodiments
from practice.learning.config import CONFIGS
from practice.learning.presets import presets
from tests.api.conftest import Api
from tests.factories import make_run, make_running, make_worker


def test_every_embodiment_is_listed_with_its_facts(viewer: Api) -> None:
    body = viewer.get("embodiments/").body
    assert [item["id"] for item in body] == [spec.id for spec in embodiments()]
    spec = embodiments()[0]
    assert body[0]["action"]["shape"] == list(spec.action.shape)
    assert set(body[0]["observation"]) == set(spec.observation)
    assert [limit["name"] for limit in body[0]["limits"]] == [limit.name for limit in spec.limits]


def test_presets_come_with_their_configuration(viewer: Api) -> None:
    (body,) = viewer.get("presets/?kind=practice&embodiment=point-mass").body
    known = presets("practice", "point-mass")
    assert [preset["name"] for preset in body["presets"]] == list(known)
    for preset in body["presets"]:
        assert preset["config"] == known[preset["name"]].config.to_json()
        assert preset["asks"] == []
    assert {item["kind"] for item in viewer.get("presets/").body} == set(CONFIGS)


def test_a_preset_says_what_people_have_to_give(viewer: Api) -> None:
    (body,) = viewer.get("presets/?kind=sft&embodiment=language-table-4").body
    assert {preset["name"]: preset["asks"] for preset in body["presets"]}["foundation"] == ["base"]


def test_every_setting_explains_itself(viewer: Api) -> None:
    for item in viewer.get("presets/").body:
        names = {setting["name"] for setting in item["settings"]}
        assert all(set(preset["config"]) == names for preset in item["presets"])
        for setting in item["settings"]:
            assert setting["help"], setting
            assert setting["group"], setting
            if setting["kind"] == "choice":
                assert setting["default"] in setting["choices"]


def test_workers_say_what_they_do(viewer: Api) -> None:
    worker = make_worker(slots=2)
    run = make_running(make_run(), worker=worker.name)
    make_worker(name="gone@bench", seen_at=timezone.now() - timedelta(minutes=5))
    gone, alive = sorted(viewer.get("workers/").body, key=lambda line: bool(line["alive"]))
    assert (alive["name"], alive["runs"], alive["free"]) == (worker.name, [run.pk], 1)
    assert (gone["alive"], gone["free"]) == (False, 0)
